using Csi.V1;
using Cscm.Kubernetes;
using Cscm.Storage;
using Grpc.Core;
using static Cscm.Cluster.Tests.RpcCalls;

namespace Cscm.Cluster.Tests;

/// <summary>When a volume ends, and when it must not.</summary>
public sealed class DeletionTests
{
    [Fact]
    public async Task A_volume_with_a_snapshot_or_in_use_is_not_deleted_until_it_is_free()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        TestNode node = await cluster.AddNodeAsync("n1");
        TestController controller = await cluster.AddControllerAsync();
        Volume volume = await controller.CreateAsync(Create("pvc-1"));
        string staging = Directory.CreateTempSubdirectory("cscm-stage-").FullName;
        try
        {
            await node.Storage.Publisher.StageAsync(new StageRequest(volume.VolumeId, staging, new MountOptions()), default);
            Status refusal = await RefusalAsync(() => controller.DeleteAsync(volume.VolumeId));
            Assert.Equal(StatusCode.FailedPrecondition, refusal.StatusCode);
            Assert.Contains(staging, refusal.Detail, StringComparison.Ordinal);
            Assert.Equal(StatusCode.FailedPrecondition, (await RefusalAsync(() => controller.DeleteAsync(volume.VolumeId))).StatusCode);
            Assert.NotNull(await cluster.FindVolumeAsync(volume.VolumeId));
        }
        finally
        {
            await node.Storage.Publisher.UnstageAsync(volume.VolumeId, staging, default);
            Directory.Delete(staging);
        }
        await controller.DeleteAsync(volume.VolumeId);
        Assert.Empty(node.Volumes.ListVolumes());
    }

    /// <summary>As the kubelet does it: the claim goes when the pod's containers have ended, its mounts a moment later.</summary>
    [Fact]
    public async Task A_volume_that_is_unmounted_while_its_deletion_waits_goes_by_one_call_and_no_more_requests()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        TestNode node = await cluster.AddNodeAsync("n1", TestCluster.FastAgent with { UnmountPatience = TimeSpan.FromSeconds(10) });
        TestController controller = await cluster.AddControllerAsync();
        Volume volume = await controller.CreateAsync(Create("pvc-1"));
        string staging = Directory.CreateTempSubdirectory("cscm-stage-").FullName;
        await node.Storage.Publisher.StageAsync(new StageRequest(volume.VolumeId, staging, new MountOptions()), default);
        await Task.Delay(500);
        long statuses = cluster.Api.Counts.Of("patch", "scmvolumes"), releases = cluster.Api.Counts.Of("update", "scmvolumes");
        Task deletion = controller.DeleteAsync(volume.VolumeId);
        await Task.Delay(700);
        Assert.False(deletion.IsCompleted);
        await node.Storage.Publisher.UnstageAsync(volume.VolumeId, staging, default);
        await deletion;
        Directory.Delete(staging);
        Assert.Empty(node.Volumes.ListVolumes());
        Assert.Equal(statuses, cluster.Api.Counts.Of("patch", "scmvolumes"));
        Assert.Equal(releases + 1, cluster.Api.Counts.Of("update", "scmvolumes"));
    }

    [Fact]
    public async Task A_node_that_is_down_keeps_its_volumes_until_it_is_back()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        TestNode node = await cluster.AddNodeAsync("n1");
        TestController controller = await cluster.AddControllerAsync();
        Volume volume = await controller.CreateAsync(Create("pvc-1"));
        await node.StopAsync();
        Assert.Equal(StatusCode.DeadlineExceeded, (await RefusalAsync(() => controller.DeleteAsync(volume.VolumeId, seconds: 4))).StatusCode);
        ScmVolume waiting = (await cluster.FindVolumeAsync(volume.VolumeId))!;
        Assert.NotNull(waiting.Metadata.DeletionTimestamp);
        Assert.Equal([ScmNames.Finalizer], waiting.Metadata.Finalizers);
        await node.StartAsync(TestCluster.Connect(cluster.Api), TestCluster.FastAgent);
        await controller.DeleteAsync(volume.VolumeId);
        Assert.Null(await cluster.FindVolumeAsync(volume.VolumeId));
        Assert.Empty(node.Volumes.ListVolumes());
    }

    [Fact]
    public async Task A_node_that_was_deleted_lets_its_volumes_go_with_an_event()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        TestNode node = await cluster.AddNodeAsync("n1");
        TestController controller = await cluster.AddControllerAsync();
        Volume volume = await controller.CreateAsync(Create("pvc-1"));
        Volume kept = await controller.CreateAsync(Create("pvc-2"));
        await node.StopAsync();
        cluster.Api.Erase("v1", "nodes", "n1");
        // Its owner's end is its own.
        cluster.Api.Erase(ScmNames.ApiVersion, "scmnodes", "n1");
        await controller.DeleteAsync(volume.VolumeId);
        Assert.Null(await cluster.FindVolumeAsync(volume.VolumeId));
        // Nobody asked for this one's end.
        Assert.Null((await cluster.FindVolumeAsync(kept.VolumeId))!.Metadata.DeletionTimestamp);
        ObjectList<EventObject> events = await cluster.Client.ListAsync(Resources.Events("default"), new ListQuery(), default);
        Assert.Equal(volume.VolumeId, Assert.Single(events.Items, item => item.Reason == "NodeGone").InvolvedObject.Name);
    }

    [Fact]
    public async Task A_server_that_cannot_say_whether_the_node_exists_releases_nothing()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        TestNode node = await cluster.AddNodeAsync("n1");
        TestController controller = await cluster.AddControllerAsync();
        Volume volume = await controller.CreateAsync(Create("pvc-1"));
        await node.StopAsync();
        cluster.Api.Erase(ScmNames.ApiVersion, "scmnodes", "n1");
        cluster.Api.Faults.OnRequest = call => call.Plural == "nodes" ? Kubernetes.Emulator.Fault.Of(500, "InternalError") : null;
        Status status = await RefusalAsync(() => controller.DeleteAsync(volume.VolumeId, seconds: 15));
        Assert.Contains(status.StatusCode, (StatusCode[])[StatusCode.Unavailable, StatusCode.DeadlineExceeded]);
        Assert.Equal([ScmNames.Finalizer], (await cluster.FindVolumeAsync(volume.VolumeId))!.Metadata.Finalizers);
    }

    [Fact]
    public async Task An_order_called_off_while_it_is_carried_out_leaves_no_volume()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        TestNode node = await cluster.AddNodeAsync("n1");
        TestController controller = await cluster.AddControllerAsync();
        string? id = null;
        cluster.Api.Faults.OnRequest = call =>
        {
            if (call is { Verb: "patch", Plural: "scmvolumes", Subresource: "status" } && id is null)
            {
                id = call.Name;
                cluster.Api.Erase(ScmNames.ApiVersion, "scmvolumes", id!);
            }
            return null;
        };
        Task<Volume> create = controller.CreateAsync(Create("pvc-1"), seconds: 10);
        // The controller sees that its object went and orders anew, which must not meet remains.
        Volume volume = await create;
        Assert.Equal(id, volume.VolumeId);
        Assert.Equal(volume.VolumeId, Assert.Single(node.Volumes.ListVolumes()).Id);
        await controller.DeleteAsync(volume.VolumeId);
        Assert.Empty(node.Volumes.ListVolumes());
    }
}
