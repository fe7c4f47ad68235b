using Cscm.Kubernetes.Emulator;
using Microsoft.Extensions.Logging.Abstractions;

namespace Cscm.Kubernetes.Tests;

/// <summary>The copy that watches keep, while watches break, lie and fall silent.</summary>
public sealed class InformerTests : IAsyncLifetime, IDisposable
{
    private static readonly InformerOptions s_fast = new()
    {
        PageSize = 3,
        FirstPause = TimeSpan.FromMilliseconds(10),
        LongestPause = TimeSpan.FromMilliseconds(200),
        LongestSilence = TimeSpan.FromSeconds(30),
    };

    private readonly CancellationTokenSource _stop = new();
    private readonly List<Task> _runs = [];
    private ApiEmulator _api = null!;
    private RestKubernetes _client = null!;

    public async Task InitializeAsync()
    {
        _api = await ApiEmulator.StartAsync();
        _client = new RestKubernetes(new ClusterConfig { Server = _api.Address });
    }

    public async Task DisposeAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_runs);
        await _api.DisposeAsync();
    }

    public void Dispose()
    {
        _client.Dispose();
        _stop.Dispose();
    }

    [Fact]
    public async Task What_was_there_comes_by_pages_and_what_changes_by_the_watch()
    {
        for (int i = 0; i < 8; i++)
            await CreateAsync($"v{i}");
        Informer<ScmVolume> informer = await RunAsync(s_fast);
        Assert.Equal(8, informer.Count);
        Assert.Equal(3, _api.Counts.Of("list", "scmvolumes"));
        await CreateAsync("v8");
        await _client.DeleteAsync(Resources.Volumes, "v0", null, default);
        await Eventually.TrueAsync(() => informer.Find("v8") is not null && informer.Find("v0") is null);
        Assert.Equal(3, _api.Counts.Of("list", "scmvolumes"));
    }

    [Fact]
    public async Task A_dropped_watch_goes_on_where_it_was_without_a_list()
    {
        Informer<ScmVolume> informer = await RunAsync(s_fast);
        for (int i = 0; i < 5; i++)
        {
            _api.DropWatches();
            await CreateAsync($"v{i}");
        }
        await Eventually.TrueAsync(() => informer.Count == 5);
        Assert.Equal(1, _api.Counts.Of("list", "scmvolumes"));
        Assert.True(_api.Counts.Of("watch", "scmvolumes") > 1);
    }

    [Fact]
    public async Task A_place_that_the_server_forgot_is_listed_anew_and_deletions_are_noticed()
    {
        await CreateAsync("stays");
        await CreateAsync("goes");
        var gone = new List<string>();
        Informer<ScmVolume> informer = await RunAsync(s_fast, (item, isGone) =>
        {
            if (isGone)
                gone.Add(item.Metadata.Name);
        });
        _api.Faults.IsSilent = true;
        await _client.DeleteAsync(Resources.Volumes, "goes", null, default);
        await CreateAsync("comes");
        _api.Faults.IsSilent = false;
        _api.Compact();
        await Eventually.TrueAsync(() => informer.Find("comes") is not null && informer.Find("goes") is null);
        Assert.Equal(["goes"], gone);
        Assert.NotNull(informer.Find("stays"));
        Assert.True(_api.Counts.Of("list", "scmvolumes") > 1);
    }

    [Fact]
    public async Task A_silent_watch_is_noticed_and_replaced()
    {
        Informer<ScmVolume> informer = await RunAsync(s_fast with { LongestSilence = TimeSpan.FromMilliseconds(300) });
        _api.Faults.IsSilent = true;
        await CreateAsync("v0");
        await Task.Delay(100);
        _api.Faults.IsSilent = false;
        await Eventually.TrueAsync(() => informer.Find("v0") is not null, TimeSpan.FromSeconds(10));
    }

    [Fact]
    public async Task Bookmarks_keep_a_quiet_watch_alive_and_its_place_fresh()
    {
        _api.BookmarkEvery = TimeSpan.FromMilliseconds(50);
        Informer<ScmVolume> informer = await RunAsync(s_fast with { LongestSilence = TimeSpan.FromSeconds(3) });
        long watches = _api.Counts.Of("watch", "scmvolumes");
        // Other types move the server's version on; only bookmarks tell this watch.
        for (int i = 0; i < 45; i++)
        {
            await _client.CreateAsync(Resources.ScmNodes, new ScmNode { Metadata = new ObjectMeta { Name = $"n{i}" } }, default);
            await Task.Delay(100);
        }
        Assert.Equal(watches, _api.Counts.Of("watch", "scmvolumes"));
        Assert.Equal(0, informer.Count);
    }

    [Fact]
    public async Task Repeated_events_are_seen_once()
    {
        _api.Faults.RepeatsEvents = true;
        int changes = 0;
        Informer<ScmVolume> informer = await RunAsync(s_fast, (_, _) => Interlocked.Increment(ref changes));
        for (int i = 0; i < 5; i++)
            await CreateAsync($"v{i}");
        await Eventually.TrueAsync(() => informer.Count == 5);
        await Task.Delay(100);
        Assert.Equal(5, changes);
    }

    [Fact]
    public async Task What_was_written_is_seen_at_once_and_a_late_watch_does_not_bring_it_back()
    {
        _api.Faults.WatchDelay = TimeSpan.FromMilliseconds(300);
        Informer<ScmVolume> informer = await RunAsync(s_fast);
        ScmVolume written = await CreateAsync("v0");
        informer.Observe(written);
        Assert.NotNull(informer.Find("v0"));
        await _client.DeleteAsync(Resources.Volumes, "v0", null, default);
        await Eventually.TrueAsync(() => informer.Find("v0") is null);
        informer.Observe(written);
        Assert.Null(informer.Find("v0"));
    }

    [Fact]
    public async Task A_server_that_fails_is_asked_again_until_it_does_not()
    {
        int failures = 20;
        _api.Faults.OnRequest = call => call.Verb is "list" or "watch" && Interlocked.Decrement(ref failures) >= 0 ? Fault.Of(failures % 2 == 0 ? 500 : 429, "InternalError") : null;
        await CreateAsync("v0");
        Informer<ScmVolume> informer = await RunAsync(s_fast);
        Assert.Equal(1, informer.Count);
    }

    private async Task<Informer<ScmVolume>> RunAsync(InformerOptions options, Action<ScmVolume, bool>? changed = null)
    {
        var informer = new Informer<ScmVolume>(_client, Resources.Volumes, null, options, NullLogger.Instance) { Changed = changed };
        _runs.Add(informer.RunAsync(_stop.Token));
        await informer.Synced.WaitAsync(TimeSpan.FromSeconds(60));
        await Eventually.TrueAsync(() => _api.WatchCount > 0 || _api.Faults.OnRequest is not null);
        return informer;
    }

    private Task<ScmVolume> CreateAsync(string name)
        => _client.CreateAsync(Resources.Volumes, new ScmVolume { Metadata = new ObjectMeta { Name = name }, Spec = new ScmVolumeSpec { VolumeName = name, Node = "n1" } }, default);
}
