using Csi.V1;
using Cscm.Kubernetes;
using Grpc.Core;
using static Cscm.Cluster.Tests.RpcCalls;

namespace Cscm.Cluster.Tests;

/// <summary>Group snapshots: one object, made and removed whole on the node that holds the volumes.</summary>
public sealed class GroupTests
{
    [Fact]
    public async Task A_group_is_one_object_whose_members_can_be_listed_and_restored()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        TestNode[] nodes = [await cluster.AddNodeAsync("n1"), await cluster.AddNodeAsync("n2")];
        TestController controller = await cluster.AddControllerAsync();
        Volume[] sources = [await controller.CreateAsync(Create("pvc-1", node: "n2")), await controller.CreateAsync(Create("pvc-2", node: "n2"))];
        string[] ids = [.. sources.Select(source => source.VolumeId)];

        VolumeGroupSnapshot group = await controller.GroupAsync("group", ids);
        Assert.True(group.ReadyToUse);
        Assert.Equal(ids.Order(), group.Snapshots.Select(snapshot => snapshot.SourceVolumeId).Order());
        Assert.All(group.Snapshots, snapshot => Assert.Equal(group.GroupSnapshotId, snapshot.GroupSnapshotId));
        Assert.Equal(group.Snapshots.Select(snapshot => snapshot.SnapshotId).Order(), nodes[1].Volumes.GetGroupSnapshot(group.GroupSnapshotId).Snapshots.Select(snapshot => snapshot.Id).Order());
        ScmSnapshot item = Assert.Single((await cluster.Client.ListAsync(Resources.Snapshots, new ListQuery(), default)).Items);
        Assert.Equal([ScmNames.Finalizer], item.Metadata.Finalizers);

        // Repeated, in another order, on another replica.
        TestController other = await cluster.AddControllerAsync();
        Assert.Equal(group, await other.GroupAsync("group", [ids[1], ids[0]]));
        var look = new GetVolumeGroupSnapshotRequest { GroupSnapshotId = group.GroupSnapshotId };
        Assert.Equal(group, (await other.Groups.GetVolumeGroupSnapshot(look, new CallContext(5))).GroupSnapshot);

        Snapshot member = group.Snapshots[0];
        Assert.Equal(member, (await controller.Rpc.GetSnapshot(new GetSnapshotRequest { SnapshotId = member.SnapshotId }, new CallContext(5))).Snapshot);
        Assert.Equal(2, (await controller.Rpc.ListSnapshots(new ListSnapshotsRequest(), new CallContext(5))).Entries.Count);
        CreateVolumeRequest restore = Create("pvc-3");
        restore.VolumeContentSource = new VolumeContentSource { Snapshot = new() { SnapshotId = member.SnapshotId } };
        Assert.Equal("n2", NodeOf(await controller.CreateAsync(restore)));

        // A member alone is not deleted; the group is, whole, and twice.
        Status refusal = await RefusalAsync(() => controller.Rpc.DeleteSnapshot(new DeleteSnapshotRequest { SnapshotId = member.SnapshotId }, new CallContext(20)));
        Assert.Equal(StatusCode.InvalidArgument, refusal.StatusCode);
        var end = new DeleteVolumeGroupSnapshotRequest { GroupSnapshotId = group.GroupSnapshotId, SnapshotIds = { member.SnapshotId } };
        Assert.Equal(StatusCode.InvalidArgument, (await RefusalAsync(() => controller.Groups.DeleteVolumeGroupSnapshot(end, new CallContext(20)))).StatusCode);
        Assert.Equal(2, nodes[1].Volumes.ListSnapshots().Count);
        end.SnapshotIds.Add(group.Snapshots[1].SnapshotId);
        await controller.Groups.DeleteVolumeGroupSnapshot(end, new CallContext(20));
        await controller.Groups.DeleteVolumeGroupSnapshot(end, new CallContext(20));
        Assert.Empty(nodes[1].Volumes.ListSnapshots());
        Assert.Empty((await cluster.Client.ListAsync(Resources.Snapshots, new ListQuery(), default)).Items);
        Assert.Equal(StatusCode.NotFound, (await RefusalAsync(() => controller.Groups.GetVolumeGroupSnapshot(look, new CallContext(5)))).StatusCode);
    }

    [Fact]
    public async Task A_group_over_several_nodes_of_unknown_volumes_or_under_a_taken_name_is_refused()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        await cluster.AddNodeAsync("n1");
        await cluster.AddNodeAsync("n2");
        TestController controller = await cluster.AddControllerAsync();
        Volume one = await controller.CreateAsync(Create("pvc-1", node: "n1")), two = await controller.CreateAsync(Create("pvc-2", node: "n2"));
        Status several = await RefusalAsync(() => controller.GroupAsync("group", [one.VolumeId, two.VolumeId]));
        Assert.Equal(StatusCode.InvalidArgument, several.StatusCode);
        Assert.Contains("n1, n2", several.Detail, StringComparison.Ordinal);
        Assert.Equal(StatusCode.NotFound, (await RefusalAsync(() => controller.GroupAsync("group", [one.VolumeId, "none"]))).StatusCode);
        await controller.GroupAsync("group", [one.VolumeId]);
        Assert.Equal(StatusCode.AlreadyExists, (await RefusalAsync(() => controller.GroupAsync("group", [two.VolumeId]))).StatusCode);
    }

    [Fact]
    public async Task A_group_that_its_node_refuses_leaves_nothing_and_its_refusal_is_the_answer()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        TestNode node = await cluster.AddNodeAsync("n1", poolBytes: 64 << 20);
        TestController controller = await cluster.AddControllerAsync();
        string[] ids = [(await controller.CreateAsync(Create("pvc-1"))).VolumeId, (await controller.CreateAsync(Create("pvc-2"))).VolumeId];
        // There is room for one copy.
        Assert.Equal(StatusCode.ResourceExhausted, (await RefusalAsync(() => controller.GroupAsync("group", ids))).StatusCode);
        Assert.Empty(node.Volumes.ListSnapshots());
        Assert.Empty((await cluster.Client.ListAsync(Resources.Snapshots, new ListQuery(), default)).Items);
    }

    /// <summary>Of its memory nothing is left, so nothing is waited for; what nobody asked to delete stays.</summary>
    [Fact]
    public async Task Snapshots_and_groups_of_a_node_that_is_gone_for_good_can_be_deleted()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        TestNode node = await cluster.AddNodeAsync("n1");
        TestController controller = await cluster.AddControllerAsync();
        Volume volume = await controller.CreateAsync(Create("pvc-1"));
        VolumeGroupSnapshot group = await controller.GroupAsync("group", [volume.VolumeId]);
        Snapshot[] snapshots =
        [
            await controller.SnapshotAsync("one", volume),
            await controller.SnapshotAsync("kept", volume),
        ];
        await node.StopAsync();
        Assert.Equal(
            StatusCode.DeadlineExceeded,
            (await RefusalAsync(() => controller.Rpc.DeleteSnapshot(new DeleteSnapshotRequest { SnapshotId = snapshots[0].SnapshotId }, new CallContext(4)))).StatusCode);
        cluster.Api.Erase("v1", "nodes", "n1");
        cluster.Api.Erase(ScmNames.ApiVersion, "scmnodes", "n1");
        await controller.Rpc.DeleteSnapshot(new DeleteSnapshotRequest { SnapshotId = snapshots[0].SnapshotId }, new CallContext(20));
        await controller.Groups.DeleteVolumeGroupSnapshot(
            new DeleteVolumeGroupSnapshotRequest { GroupSnapshotId = group.GroupSnapshotId, SnapshotIds = { group.Snapshots[0].SnapshotId } }, new CallContext(20));
        ScmSnapshot left = Assert.Single((await cluster.Client.ListAsync(Resources.Snapshots, new ListQuery(), default)).Items);
        Assert.Equal(snapshots[1].SnapshotId, left.Metadata.Name);
        Assert.Null(left.Metadata.DeletionTimestamp);
        ObjectList<EventObject> events = await cluster.Client.ListAsync(Resources.Events("default"), new ListQuery(), default);
        Assert.Equal(2, events.Items.Count(item => item.Reason == "NodeGone"));
    }

    [Fact]
    public async Task A_group_ordered_while_its_node_is_away_is_made_when_it_is_back()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        TestNode node = await cluster.AddNodeAsync("n1");
        TestController controller = await cluster.AddControllerAsync();
        string[] ids = [(await controller.CreateAsync(Create("pvc-1"))).VolumeId, (await controller.CreateAsync(Create("pvc-2"))).VolumeId];
        await node.StopAsync();
        Assert.Equal(StatusCode.DeadlineExceeded, (await RefusalAsync(() => controller.GroupAsync("group", ids, seconds: 1))).StatusCode);
        await node.StartAsync(TestCluster.Connect(cluster.Api), TestCluster.FastAgent);
        VolumeGroupSnapshot group = await controller.GroupAsync("group", ids);
        Assert.Equal(2, node.Volumes.GetGroupSnapshot(group.GroupSnapshotId).Snapshots.Count);
    }
}
