using System.Diagnostics;
using Cscm.Kubernetes.Emulator;
using Microsoft.Extensions.Logging.Abstractions;

namespace Cscm.Kubernetes.Tests;

/// <summary>The client against an API server that refuses, breaks off and forgets.</summary>
public sealed class ClientTests : IAsyncLifetime, IDisposable
{
    private ApiEmulator _api = null!;
    private RestKubernetes _client = null!;

    public async Task InitializeAsync()
    {
        _api = await ApiEmulator.StartAsync();
        _client = new RestKubernetes(new ClusterConfig { Server = _api.Address });
    }

    public async Task DisposeAsync() => await _api.DisposeAsync();

    public void Dispose() => _client.Dispose();

    [Fact]
    public async Task An_object_comes_back_as_it_was_written()
    {
        ScmVolume written = Volume("cscm-a") with { Spec = new ScmVolumeSpec { VolumeName = "pvc-1", Node = "n1", RequiredBytes = 5, Source = new ScmSource("Volume", "cscm-b") } };
        ScmVolume created = await _client.CreateAsync(Resources.Volumes, written, default);
        ScmVolume read = await _client.GetAsync(Resources.Volumes, "cscm-a", default);
        Assert.Equal(written.Spec, read.Spec);
        Assert.Equal(created.Metadata.Uid, read.Metadata.Uid);
        Assert.Equal(1, read.Metadata.Generation);
        Assert.Equal([ScmNames.Finalizer], read.Metadata.Finalizers);
        Assert.Equal("n1", read.Metadata.Labels![ScmNames.NodeLabel]);
    }

    [Fact]
    public async Task Fields_that_the_server_leaves_out_have_their_defaults()
    {
        _api.Seed(ScmNames.ApiVersion, "scmvolumes", "ScmVolume", new() { ["metadata"] = new System.Text.Json.Nodes.JsonObject { ["name"] = "bare" } });
        ScmVolume read = await _client.GetAsync(Resources.Volumes, "bare", default);
        Assert.Equal("Mount", read.Spec.Access);
        Assert.Equal("", read.Spec.Node);
        ScmNode node = await _client.CreateAsync(Resources.ScmNodes, new ScmNode { Metadata = new ObjectMeta { Name = "n1" } }, default);
        ScmNode applied = await _client.ApplyAsync(
            Resources.ScmNodes, node with { Metadata = new ObjectMeta { Name = "n1" }, Status = new ScmNodeStatus { Pools = [new ScmPool { Name = "p" }] } }, "test", "status", default);
        Assert.Empty(Assert.Single(applied.Status!.Pools).Offers);
    }

    [Fact]
    public async Task A_status_is_written_without_touching_the_spec_and_the_spec_without_the_status()
    {
        ScmVolume created = await _client.CreateAsync(Resources.Volumes, Volume("cscm-a"), default);
        await _client.ApplyAsync(
            Resources.Volumes, new ScmVolume { Metadata = new ObjectMeta { Name = "cscm-a", Uid = created.Metadata.Uid }, Status = new ScmVolumeStatus { Phase = ScmPhase.Ready } }, "test", "status", default);
        ScmVolume read = await _client.GetAsync(Resources.Volumes, "cscm-a", default);
        Assert.Equal("n1", read.Spec.Node);
        Assert.Equal(1, read.Metadata.Generation);
        ScmVolume replaced = await _client.ReplaceAsync(Resources.Volumes, read with { Spec = read.Spec with { RequiredBytes = 9 }, Status = null }, default);
        Assert.Equal(ScmPhase.Ready, replaced.Status!.Phase);
        Assert.Equal(2, replaced.Metadata.Generation);
    }

    [Fact]
    public async Task A_write_over_someone_elses_is_a_conflict()
    {
        ScmVolume first = await _client.CreateAsync(Resources.Volumes, Volume("cscm-a"), default);
        await _client.ReplaceAsync(Resources.Volumes, first with { Spec = first.Spec with { RequiredBytes = 1 } }, default);
        KubernetesException refusal = await Assert.ThrowsAsync<KubernetesException>(
            () => _client.ReplaceAsync(Resources.Volumes, first with { Spec = first.Spec with { RequiredBytes = 2 } }, default));
        Assert.True(refusal.IsConflict);
        Assert.False(refusal.IsAlreadyExists);
    }

    [Fact]
    public async Task A_status_meant_for_another_incarnation_is_refused()
    {
        await _client.CreateAsync(Resources.Volumes, Volume("cscm-a"), default);
        var stale = new ScmVolume { Metadata = new ObjectMeta { Name = "cscm-a", Uid = "another" }, Status = new ScmVolumeStatus() };
        KubernetesException refusal = await Assert.ThrowsAsync<KubernetesException>(() => _client.ApplyAsync(Resources.Volumes, stale, "test", "status", default));
        Assert.True(refusal.IsConflict);
        stale = stale with { Metadata = new ObjectMeta { Name = "none" } };
        refusal = await Assert.ThrowsAsync<KubernetesException>(() => _client.ApplyAsync(Resources.Volumes, stale, "test", "status", default));
        Assert.True(refusal.IsNotFound);
    }

    [Fact]
    public async Task A_delete_waits_for_finalizers_and_one_of_nothing_is_a_success()
    {
        ScmVolume created = await _client.CreateAsync(Resources.Volumes, Volume("cscm-a"), default);
        await _client.DeleteAsync(Resources.Volumes, "cscm-a", "another-uid", default);
        Assert.Null((await _client.GetAsync(Resources.Volumes, "cscm-a", default)).Metadata.DeletionTimestamp);
        await _client.DeleteAsync(Resources.Volumes, "cscm-a", created.Metadata.Uid, default);
        ScmVolume waiting = await _client.GetAsync(Resources.Volumes, "cscm-a", default);
        Assert.NotNull(waiting.Metadata.DeletionTimestamp);
        await _client.ReplaceAsync(Resources.Volumes, waiting with { Metadata = waiting.Metadata with { Finalizers = [] } }, default);
        Assert.True((await Assert.ThrowsAsync<KubernetesException>(() => _client.GetAsync(Resources.Volumes, "cscm-a", default))).IsNotFound);
        await _client.DeleteAsync(Resources.Volumes, "cscm-a", null, default);
    }

    [Theory]
    [InlineData(429)]
    [InlineData(500)]
    [InlineData(503)]
    public async Task A_short_refusal_is_tried_again(int code)
    {
        int refusals = 2;
        _api.Faults.OnRequest = _ => Interlocked.Decrement(ref refusals) >= 0 ? Fault.Of(code, "InternalError") : null;
        await _client.CreateAsync(Resources.Volumes, Volume("cscm-a"), default);
        Assert.Equal(3, _api.Counts.Of("create", "scmvolumes"));
    }

    [Fact]
    public async Task Retry_after_is_obeyed()
    {
        int refusals = 1;
        _api.Faults.OnRequest = _ => Interlocked.Decrement(ref refusals) >= 0 ? Fault.Of(429, "TooManyRequests", retryAfterSeconds: 1) : null;
        long startedAt = Stopwatch.GetTimestamp();
        await _client.CreateAsync(Resources.Volumes, Volume("cscm-a"), default);
        Assert.InRange(Stopwatch.GetElapsedTime(startedAt).TotalSeconds, 0.95, 20);
    }

    [Fact]
    public async Task A_server_that_keeps_failing_is_given_up_on_with_its_own_words()
    {
        _api.Faults.OnRequest = _ => Fault.Of(500, "InternalError");
        KubernetesException failure = await Assert.ThrowsAsync<KubernetesException>(() => _client.GetAsync(Resources.Volumes, "x", default));
        Assert.True(failure.IsTransient);
        Assert.Contains("InternalError", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_create_whose_answer_was_lost_ends_as_already_there()
    {
        int losses = 1;
        _api.Faults.OnRequest = _ => Interlocked.Decrement(ref losses) >= 0 ? new Fault { IsAnswerLost = true } : null;
        KubernetesException refusal = await Assert.ThrowsAsync<KubernetesException>(() => _client.CreateAsync(Resources.Volumes, Volume("cscm-a"), default));
        Assert.True(refusal.IsAlreadyExists);
    }

    [Fact]
    public async Task Lists_come_in_pages_and_by_label()
    {
        for (int i = 0; i < 7; i++)
            await _client.CreateAsync(Resources.Volumes, Volume($"cscm-{i}", i == 3 ? "n2" : "n1"), default);
        ObjectList<ScmVolume> first = await _client.ListAsync(Resources.Volumes, new ListQuery(ScmNames.NodeSelector("n1"), 4), default);
        ObjectList<ScmVolume> rest = await _client.ListAsync(Resources.Volumes, new ListQuery(ScmNames.NodeSelector("n1"), 4, first.Metadata.Continue), default);
        Assert.Equal(["cscm-0", "cscm-1", "cscm-2", "cscm-4", "cscm-5", "cscm-6"], [.. first.Items.Concat(rest.Items).Select(item => item.Metadata.Name)]);
        Assert.True(string.IsNullOrEmpty(rest.Metadata.Continue));
    }

    [Fact]
    public async Task Events_are_written_once_in_a_while()
    {
        var events = new EventRecorder(_client, "cscm-test", "host", NullLogger.Instance);
        ScmVolume volume = await _client.CreateAsync(Resources.Volumes, Volume("cscm-a"), default);
        for (int i = 0; i < 3; i++)
            await events.RecordAsync(volume, Resources.Volumes, isWarning: true, "Orphaned", "no PersistentVolume", default);
        EventObject written = Assert.Single((await _client.ListAsync(Resources.Events("default"), new ListQuery(), default)).Items);
        Assert.Equal(("Orphaned", "ScmVolume", "cscm-a", "Warning"), (written.Reason, written.InvolvedObject.Kind, written.InvolvedObject.Name, written.Type));
    }

    private static ScmVolume Volume(string name, string node = "n1") => new()
    {
        Metadata = new ObjectMeta
        {
            Name = name,
            Labels = new Dictionary<string, string> { [ScmNames.NodeLabel] = node },
            Finalizers = [ScmNames.Finalizer],
        },
        Spec = new ScmVolumeSpec { VolumeName = name, Node = node },
    };
}
