using Csi.V1;
using Cscm.Kubernetes;
using Cscm.Kubernetes.Emulator;
using Cscm.Storage;
using Grpc.Core;
using static Cscm.Cluster.Tests.RpcCalls;

namespace Cscm.Cluster.Tests;

/// <summary>A volume's life through the controller's RPCs and a node's agent.</summary>
public sealed class VolumeTests
{
    [Fact]
    public async Task A_volume_is_made_on_its_node_and_answered_and_deleted()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        TestNode node = await cluster.AddNodeAsync("n1");
        TestController controller = await cluster.AddControllerAsync();

        Volume volume = await controller.CreateAsync(Create("pvc-1", node: "n1"));
        Assert.Equal("n1", NodeOf(volume));
        Assert.Equal(16 * Mebi, volume.CapacityBytes);
        Assert.Equal("files", volume.VolumeContext["pool"]);
        Assert.Equal(volume.VolumeId, Assert.Single(node.Volumes.ListVolumes()).Id);
        ScmVolume item = (await cluster.FindVolumeAsync(volume.VolumeId))!;
        Assert.Equal((ScmPhase.Ready, "OK", "files"), (item.Status!.Phase, item.Status.Code, item.Status.Pool));
        Assert.Contains(item.Status.Conditions, condition => condition is { Type: "Ready", Status: "True" });

        await controller.DeleteAsync(volume.VolumeId);
        Assert.Null(await cluster.FindVolumeAsync(volume.VolumeId));
        Assert.Empty(node.Volumes.ListVolumes());
        await controller.DeleteAsync(volume.VolumeId);
    }

    [Fact]
    public async Task A_volumes_whole_life_takes_few_requests_and_none_when_idle()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        await cluster.AddNodeAsync("n1", TestCluster.FastAgent with { GatherFor = TimeSpan.FromSeconds(1) });
        TestController controller = await cluster.AddControllerAsync();
        await Task.Delay(300);
        long before = cluster.Api.Counts.Total;
        const int Volumes = 8;
        Volume[] volumes = await Task.WhenAll(Enumerable.Range(0, Volumes).Select(i => controller.CreateAsync(Create($"pvc-{i}", 4 * Mebi))));
        await Task.WhenAll(volumes.Select(volume => controller.DeleteAsync(volume.VolumeId)));
        await Task.Delay(2500);
        long requests = cluster.Api.Counts.Total - before;
        Assert.True(requests <= 5 * Volumes, $"{requests} requests for {Volumes} volumes: {cluster.Api.Counts.Summary}");
        long idle = cluster.Api.Counts.Total;
        await Task.Delay(1000);
        Assert.Equal(idle, cluster.Api.Counts.Total);
    }

    /// <summary>As in a real cluster: the node tells its room later, the kubelet unmounts slowly, the provisioner asks once more.</summary>
    [Fact]
    public async Task A_volume_alone_takes_four_requests_though_it_is_unmounted_late_and_deleted_twice()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        TestNode node = await cluster.AddNodeAsync("n1", TestCluster.FastAgent with { ScanEvery = TimeSpan.FromMinutes(1), UnmountPatience = TimeSpan.FromMinutes(1) });
        TestController controller = await cluster.AddControllerAsync();
        await Task.Delay(300);
        long before = cluster.Api.Counts.Total;
        Volume volume = await controller.CreateAsync(Create("pvc-1"));
        string staging = Directory.CreateTempSubdirectory("cscm-stage-").FullName;
        await node.Storage.Publisher.StageAsync(new StageRequest(volume.VolumeId, staging, new MountOptions()), default);
        Task deletion = controller.DeleteAsync(volume.VolumeId);
        await Task.Delay(3000);
        await node.Storage.Publisher.UnstageAsync(volume.VolumeId, staging, default);
        await deletion;
        Directory.Delete(staging);
        await controller.DeleteAsync(volume.VolumeId);
        await Task.Delay(500);
        Assert.True(cluster.Api.Counts.Total - before == 4, cluster.Api.Counts.Summary);
    }

    [Fact]
    public async Task A_repeated_create_finds_the_volume_on_any_replica_without_a_request()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        await cluster.AddNodeAsync("n1");
        TestController first = await cluster.AddControllerAsync();
        Volume volume = await first.CreateAsync(Create("pvc-1"));
        TestController second = await cluster.AddControllerAsync();
        long before = cluster.Api.Counts.Total;
        Assert.Equal(volume, await second.CreateAsync(Create("pvc-1")));
        Assert.Equal(volume, await first.CreateAsync(Create("pvc-1")));
        Assert.Equal(before, cluster.Api.Counts.Total);
    }

    [Fact]
    public async Task Concurrent_creates_of_one_name_on_two_replicas_make_one_volume()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        TestNode n1 = await cluster.AddNodeAsync("n1");
        TestNode n2 = await cluster.AddNodeAsync("n2");
        TestController[] replicas = [await cluster.AddControllerAsync(), await cluster.AddControllerAsync()];
        Volume[] volumes = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => replicas[i % 2].CreateAsync(Create("pvc-1"))));
        Assert.Single(volumes.Select(volume => volume.VolumeId).Distinct());
        Assert.Single(n1.Volumes.ListVolumes().Concat(n2.Volumes.ListVolumes()));
    }

    [Fact]
    public async Task A_create_that_another_replica_began_is_finished_by_the_next()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        TestNode node = await cluster.AddNodeAsync("n1");
        await node.StopAsync();
        TestController first = await cluster.AddControllerAsync();
        Status late = await RefusalAsync(() => first.CreateAsync(Create("pvc-1"), seconds: 0.5));
        Assert.Equal(StatusCode.DeadlineExceeded, late.StatusCode);
        await first.DisposeAsync();
        TestController second = await cluster.AddControllerAsync();
        Task<Volume> repeated = second.CreateAsync(Create("pvc-1"));
        await node.StartAsync(TestCluster.Connect(cluster.Api), TestCluster.FastAgent);
        Assert.Equal("n1", NodeOf(await repeated));
        Assert.Single(node.Volumes.ListVolumes());
    }

    [Fact]
    public async Task A_name_taken_by_a_different_volume_is_refused()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        await cluster.AddNodeAsync("n1");
        await cluster.AddNodeAsync("n2");
        TestController controller = await cluster.AddControllerAsync();
        await controller.CreateAsync(Create("pvc-1", node: "n1"));
        Assert.Equal(StatusCode.AlreadyExists, (await RefusalAsync(() => controller.CreateAsync(Create("pvc-1", 32 * Mebi)))).StatusCode);
        Status elsewhere = await RefusalAsync(() => controller.CreateAsync(Create("pvc-1", node: "n2")));
        Assert.Equal(StatusCode.AlreadyExists, elsewhere.StatusCode);
        Assert.Contains("node n1", elsewhere.Detail, StringComparison.Ordinal);
        CreateVolumeRequest otherSettings = Create("pvc-1");
        otherSettings.Parameters.Add("erase", "none");
        Assert.Equal(StatusCode.AlreadyExists, (await RefusalAsync(() => controller.CreateAsync(otherSettings))).StatusCode);
    }

    [Fact]
    public async Task The_nodes_own_refusal_is_the_answer_and_leaves_nothing()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        await cluster.AddNodeAsync("n1");
        TestController controller = await cluster.AddControllerAsync();
        CreateVolumeRequest request = Create("pvc-1");
        // A file pool cannot map its medium directly, which only the node knows.
        request.Parameters.Add("dax", "required");
        Status refusal = await RefusalAsync(() => controller.CreateAsync(request));
        Assert.Equal(StatusCode.FailedPrecondition, refusal.StatusCode);
        Assert.StartsWith("node n1: ", refusal.Detail, StringComparison.Ordinal);
        Assert.Empty((await cluster.Client.ListAsync(Resources.Volumes, new ListQuery(), default)).Items);
        Assert.Equal("n1", NodeOf(await controller.CreateAsync(Create("pvc-1"))));
    }

    [Fact]
    public async Task A_failure_that_a_dead_controller_left_does_not_stand_in_the_way()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        TestNode node = await cluster.AddNodeAsync("n1");
        TestController controller = await cluster.AddControllerAsync();
        CreateVolumeRequest request = Create("pvc-1");
        request.Parameters.Add("dax", "required");
        cluster.Api.Faults.OnRequest = call => call is { Verb: "delete" } ? new Fault { Delay = TimeSpan.FromSeconds(30) } : null;
        await RefusalAsync(() => controller.CreateAsync(request, seconds: 2));
        Assert.Equal(ScmPhase.Failed, Assert.Single((await cluster.Client.ListAsync(Resources.Volumes, new ListQuery(), default)).Items).Status!.Phase);
        await controller.DisposeAsync();
        cluster.Api.Faults.OnRequest = null;
        TestController next = await cluster.AddControllerAsync();
        Assert.Equal(StatusCode.FailedPrecondition, (await RefusalAsync(() => next.CreateAsync(request))).StatusCode);
        await next.CreateAsync(Create("pvc-1"));
        Assert.Single(node.Volumes.ListVolumes());
    }

    [Fact]
    public async Task Volumes_grow_and_change_their_settings()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        TestNode node = await cluster.AddNodeAsync("n1");
        TestController controller = await cluster.AddControllerAsync();
        Volume volume = await controller.CreateAsync(Create("pvc-1"));
        var grow = new ControllerExpandVolumeRequest { VolumeId = volume.VolumeId, CapacityRange = new CapacityRange { RequiredBytes = 64 * Mebi } };
        ControllerExpandVolumeResponse grown = await controller.Rpc.ControllerExpandVolume(grow, new CallContext(20));
        Assert.Equal(64 * Mebi, grown.CapacityBytes);
        Assert.Equal(64 * Mebi, node.Volumes.GetVolume(volume.VolumeId).CapacityBytes);
        Assert.Equal(grown, await controller.Rpc.ControllerExpandVolume(grow, new CallContext(20)));

        grow.CapacityRange.RequiredBytes = 1024 * Mebi;
        Assert.Equal(StatusCode.ResourceExhausted, (await RefusalAsync(() => controller.Rpc.ControllerExpandVolume(grow, new CallContext(20)))).StatusCode);
        Assert.Equal(StatusCode.ResourceExhausted, (await RefusalAsync(() => controller.Rpc.ControllerExpandVolume(grow, new CallContext(20)))).StatusCode);
        grow.CapacityRange.RequiredBytes = 66 * Mebi;
        Assert.Equal(66 * Mebi, (await controller.Rpc.ControllerExpandVolume(grow, new CallContext(20))).CapacityBytes);

        var change = new ControllerModifyVolumeRequest { VolumeId = volume.VolumeId, MutableParameters = { ["erase"] = "none" } };
        await controller.Rpc.ControllerModifyVolume(change, new CallContext(20));
        Assert.Equal(Storage.ErasePolicy.None, node.Volumes.GetVolume(volume.VolumeId).Settings.Erase);
        long before = cluster.Api.Counts.Of("update", "scmvolumes");
        await controller.Rpc.ControllerModifyVolume(change, new CallContext(20));
        Assert.Equal(before, cluster.Api.Counts.Of("update", "scmvolumes"));
    }

    [Fact]
    public async Task A_change_over_someone_elses_is_written_on_top()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        await cluster.AddNodeAsync("n1");
        TestController controller = await cluster.AddControllerAsync();
        Volume volume = await controller.CreateAsync(Create("pvc-1"));
        int conflicts = 2;
        cluster.Api.Faults.OnRequest = call => call is { Verb: "update", Subresource: null } && Interlocked.Decrement(ref conflicts) >= 0 ? Fault.Of(409, "Conflict") : null;
        var grow = new ControllerExpandVolumeRequest { VolumeId = volume.VolumeId, CapacityRange = new CapacityRange { RequiredBytes = 64 * Mebi } };
        Assert.Equal(64 * Mebi, (await controller.Rpc.ControllerExpandVolume(grow, new CallContext(20))).CapacityBytes);
        conflicts = 2;
        await controller.DeleteAsync(volume.VolumeId);
        Assert.Null(await cluster.FindVolumeAsync(volume.VolumeId));
    }

    [Fact]
    public async Task Volumes_are_listed_in_pages()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        await cluster.AddNodeAsync("n1");
        TestController controller = await cluster.AddControllerAsync();
        Volume[] made = await Task.WhenAll(Enumerable.Range(0, 5).Select(i => controller.CreateAsync(Create($"pvc-{i}", 4 * Mebi))));
        ListVolumesResponse first = await controller.Rpc.ListVolumes(new ListVolumesRequest { MaxEntries = 3 }, new CallContext(5));
        ListVolumesResponse rest = await controller.Rpc.ListVolumes(new ListVolumesRequest { StartingToken = first.NextToken }, new CallContext(5));
        Assert.Equal(made.Select(volume => volume.VolumeId).Order(StringComparer.Ordinal), first.Entries.Concat(rest.Entries).Select(entry => entry.Volume.VolumeId));
        Assert.Equal(3, first.Entries.Count);
        Assert.Equal(StatusCode.NotFound, (await RefusalAsync(() => controller.Rpc.ControllerGetVolume(new ControllerGetVolumeRequest { VolumeId = "none" }, new CallContext(5)))).StatusCode);
    }
}
