using Csi.V1;
using Cscm.Kubernetes;
using Grpc.Core;
using static Cscm.Cluster.Tests.RpcCalls;

namespace Cscm.Cluster.Tests;

/// <summary>Snapshots, restores and clones: all where their source is.</summary>
public sealed class CopyTests
{
    [Fact]
    public async Task Snapshots_restores_and_clones_are_made_on_the_sources_node()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        TestNode[] nodes = [await cluster.AddNodeAsync("n1"), await cluster.AddNodeAsync("n2")];
        TestController controller = await cluster.AddControllerAsync();
        Volume source = await controller.CreateAsync(Create("pvc-1", node: "n2"));

        var ask = new CreateSnapshotRequest { Name = "snapshot-1", SourceVolumeId = source.VolumeId };
        Snapshot snapshot = (await controller.Rpc.CreateSnapshot(ask, new CallContext(20))).Snapshot;
        Assert.True(snapshot.ReadyToUse);
        Assert.Equal(source.VolumeId, snapshot.SourceVolumeId);
        Assert.Equal(snapshot, (await controller.Rpc.CreateSnapshot(ask, new CallContext(20))).Snapshot);
        Assert.Equal(snapshot.SnapshotId, Assert.Single(nodes[1].Volumes.ListSnapshots()).Id);
        Assert.Equal(snapshot, Assert.Single((await controller.Rpc.ListSnapshots(new ListSnapshotsRequest { SourceVolumeId = source.VolumeId }, new CallContext(5))).Entries).Snapshot);

        CreateVolumeRequest restore = Create("pvc-2");
        restore.VolumeContentSource = new VolumeContentSource { Snapshot = new() { SnapshotId = snapshot.SnapshotId } };
        Volume restored = await controller.CreateAsync(restore);
        Assert.Equal("n2", NodeOf(restored));
        Assert.Equal(snapshot.SnapshotId, restored.ContentSource.Snapshot.SnapshotId);

        CreateVolumeRequest clone = Create("pvc-3", node: "n1", others: "n2");
        clone.VolumeContentSource = new VolumeContentSource { Volume = new() { VolumeId = source.VolumeId } };
        Assert.Equal("n2", NodeOf(await controller.CreateAsync(clone)));

        CreateVolumeRequest elsewhere = Create("pvc-4", node: "n1");
        elsewhere.VolumeContentSource = clone.VolumeContentSource;
        Assert.Equal(StatusCode.ResourceExhausted, (await RefusalAsync(() => controller.CreateAsync(elsewhere))).StatusCode);

        await controller.Rpc.DeleteSnapshot(new DeleteSnapshotRequest { SnapshotId = snapshot.SnapshotId }, new CallContext(20));
        await controller.Rpc.DeleteSnapshot(new DeleteSnapshotRequest { SnapshotId = snapshot.SnapshotId }, new CallContext(20));
        Assert.Empty(nodes[1].Volumes.ListSnapshots());
        Assert.Empty((await cluster.Client.ListAsync(Resources.Snapshots, new ListQuery(), default)).Items);
        Assert.Empty(nodes[0].Volumes.ListVolumes());
    }

    [Fact]
    public async Task Sources_that_do_not_exist_and_names_that_are_taken_are_refused()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        await cluster.AddNodeAsync("n1");
        TestController controller = await cluster.AddControllerAsync();
        Volume first = await controller.CreateAsync(Create("pvc-1")), second = await controller.CreateAsync(Create("pvc-2"));
        await controller.Rpc.CreateSnapshot(new CreateSnapshotRequest { Name = "s", SourceVolumeId = first.VolumeId }, new CallContext(20));
        Status taken = await RefusalAsync(() => controller.Rpc.CreateSnapshot(new CreateSnapshotRequest { Name = "s", SourceVolumeId = second.VolumeId }, new CallContext(20)));
        Assert.Equal(StatusCode.AlreadyExists, taken.StatusCode);
        Status missing = await RefusalAsync(() => controller.Rpc.CreateSnapshot(new CreateSnapshotRequest { Name = "t", SourceVolumeId = "none" }, new CallContext(20)));
        Assert.Equal(StatusCode.NotFound, missing.StatusCode);
        CreateVolumeRequest restore = Create("pvc-3");
        restore.VolumeContentSource = new VolumeContentSource { Snapshot = new() { SnapshotId = "none" } };
        Assert.Equal(StatusCode.NotFound, (await RefusalAsync(() => controller.CreateAsync(restore))).StatusCode);
    }
}
