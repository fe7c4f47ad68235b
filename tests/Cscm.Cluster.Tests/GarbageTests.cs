using System.Text.Json.Nodes;
using Csi.V1;
using Cscm.Csi;
using Cscm.Csi.Controller.Cluster;
using Cscm.Kubernetes;
using static Cscm.Cluster.Tests.RpcCalls;
using AgentOrphans = Cscm.Csi.Node.Agent.OrphanPolicy;

namespace Cscm.Cluster.Tests;

/// <summary>What was left behind, in both directions: reported or deleted, as told, and never what is in use.</summary>
public sealed class GarbageTests
{
    private static readonly GarbageOptions s_fast = new() { Every = TimeSpan.FromMilliseconds(200), OrphanAge = TimeSpan.Zero };

    [Fact]
    public async Task A_volume_without_a_PersistentVolume_is_reported_and_kept()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        await cluster.AddNodeAsync("n1");
        TestController controller = await cluster.AddControllerAsync(s_fast);
        Volume claimed = await controller.CreateAsync(Create("claimed")), orphan = await controller.CreateAsync(Create("orphan"));
        Claim(cluster, claimed.VolumeId);
        var term = new Term(controller);
        await Eventually.TrueAsync(async () => (await EventsAsync(cluster)).Any(item => item.Reason == "OrphanVolume"));
        await Task.Delay(600);
        await term.EndAsync();
        EventObject[] events = [.. await EventsAsync(cluster)];
        Assert.Equal(orphan.VolumeId, Assert.Single(events).InvolvedObject.Name);
        Assert.NotNull(await cluster.FindVolumeAsync(orphan.VolumeId));
    }

    [Fact]
    public async Task A_volume_without_a_PersistentVolume_is_deleted_when_told_so_and_no_other_is()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        TestNode node = await cluster.AddNodeAsync("n1");
        TestController controller = await cluster.AddControllerAsync(s_fast with { Orphans = OrphanPolicy.Delete });
        Volume claimed = await controller.CreateAsync(Create("claimed")), orphan = await controller.CreateAsync(Create("orphan"));
        Claim(cluster, claimed.VolumeId);
        Claim(cluster, orphan.VolumeId, driver: "another.driver");
        var term = new Term(controller);
        await Eventually.TrueAsync(async () => await cluster.FindVolumeAsync(orphan.VolumeId) is null);
        await Task.Delay(600);
        await term.EndAsync();
        Assert.Equal(claimed.VolumeId, Assert.Single(node.Volumes.ListVolumes()).Id);
        Assert.Contains(await EventsAsync(cluster), item => item.Reason == "OrphanVolumeDeleted" && item.InvolvedObject.Name == orphan.VolumeId);
    }

    [Theory]
    [InlineData(OrphanPolicy.Report)]
    [InlineData(OrphanPolicy.Delete)]
    public async Task Snapshots_that_nothing_stands_for_are_treated_as_told_and_no_others(OrphanPolicy policy)
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        TestNode node = await cluster.AddNodeAsync("n1");
        TestController controller = await cluster.AddControllerAsync(s_fast with { Orphans = policy });
        Volume volume = await controller.CreateAsync(Create("pvc-1"));
        Claim(cluster, volume.VolumeId);
        Snapshot held = await controller.SnapshotAsync("held", volume), given = await controller.SnapshotAsync("given", volume), orphan = await controller.SnapshotAsync("orphan", volume);
        VolumeGroupSnapshot[] groups = [await controller.GroupAsync("held by member", [volume.VolumeId]), await controller.GroupAsync("held", [volume.VolumeId]), await controller.GroupAsync("orphan", [volume.VolumeId])];
        Contain(cluster, "volumesnapshotcontents", "VolumeSnapshotContent", "1", new JsonObject { ["driver"] = DriverInfo.Name }, new JsonObject { ["snapshotHandle"] = held.SnapshotId });
        Contain(cluster, "volumesnapshotcontents", "VolumeSnapshotContent", "2", new JsonObject { ["driver"] = DriverInfo.Name, ["source"] = new JsonObject { ["snapshotHandle"] = given.SnapshotId } }, null);
        Contain(cluster, "volumesnapshotcontents", "VolumeSnapshotContent", "3", new JsonObject { ["driver"] = "another.driver" }, new JsonObject { ["snapshotHandle"] = orphan.SnapshotId });
        Contain(cluster, "volumesnapshotcontents", "VolumeSnapshotContent", "4", new JsonObject { ["driver"] = DriverInfo.Name }, new JsonObject { ["snapshotHandle"] = groups[0].Snapshots[0].SnapshotId });
        Contain(cluster, "volumegroupsnapshotcontents", "VolumeGroupSnapshotContent", "5", new JsonObject { ["driver"] = DriverInfo.Name }, new JsonObject { ["volumeGroupSnapshotHandle"] = groups[1].GroupSnapshotId });

        var term = new Term(controller);
        string[] orphans = [.. new[] { orphan.SnapshotId, groups[2].GroupSnapshotId }.Order(StringComparer.Ordinal)];
        string reason = policy == OrphanPolicy.Delete ? "OrphanSnapshotDeleted" : "OrphanSnapshot";
        await Eventually.TrueAsync(async () => (await EventsAsync(cluster)).Count(item => item.Reason == reason) == 2);
        await Task.Delay(600);
        await term.EndAsync();
        Assert.Equal(orphans, (await EventsAsync(cluster)).Select(item => item.InvolvedObject.Name!).Order(StringComparer.Ordinal));
        IReadOnlyList<ScmSnapshot> left = (await cluster.Client.ListAsync(Resources.Snapshots, new ListQuery(), default)).Items;
        Assert.Equal(policy == OrphanPolicy.Delete ? 4 : 6, left.Count);
        Assert.Equal(policy == OrphanPolicy.Report, left.Any(item => orphans.Contains(item.Metadata.Name)));
        Assert.Equal(left.Count, node.Volumes.ListSnapshots().Count);
    }

    [Fact]
    public async Task Where_there_is_no_snapshot_API_no_snapshot_counts_as_left_over()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        await cluster.AddNodeAsync("n1");
        TestController controller = await cluster.AddControllerAsync(s_fast with { Orphans = OrphanPolicy.Delete });
        Volume volume = await controller.CreateAsync(Create("pvc-1"));
        Claim(cluster, volume.VolumeId);
        await controller.SnapshotAsync("kept", volume);
        cluster.Api.Faults.OnRequest = call => call.Plural == "volumesnapshotcontents" ? Kubernetes.Emulator.Fault.Of(404, "NotFound") : null;
        var term = new Term(controller);
        await Eventually.TrueAsync(() => cluster.Api.Counts.Of("list", "volumesnapshotcontents") > 2);
        await term.EndAsync();
        Assert.Null(Assert.Single((await cluster.Client.ListAsync(Resources.Snapshots, new ListQuery(), default)).Items).Metadata.DeletionTimestamp);
    }

    [Theory]
    [InlineData(AgentOrphans.Report)]
    [InlineData(AgentOrphans.Delete)]
    public async Task Local_snapshots_without_an_object_are_treated_as_told(AgentOrphans policy)
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        TestNode node = await cluster.AddNodeAsync("n1", TestCluster.FastAgent with { Orphans = policy });
        TestController controller = await cluster.AddControllerAsync();
        Volume volume = await controller.CreateAsync(Create("pvc-1"));
        Snapshot kept = await controller.SnapshotAsync("kept", volume), orphan = await controller.SnapshotAsync("orphan", volume);
        VolumeGroupSnapshot keptGroup = await controller.GroupAsync("kept", [volume.VolumeId]), orphanGroup = await controller.GroupAsync("orphan", [volume.VolumeId]);
        cluster.Api.Erase(ScmNames.ApiVersion, "scmsnapshots", orphan.SnapshotId);
        cluster.Api.Erase(ScmNames.ApiVersion, "scmsnapshots", orphanGroup.GroupSnapshotId);
        await Eventually.TrueAsync(async () => (await EventsAsync(cluster)).Count(item => item.Reason == (policy == AgentOrphans.Delete ? "OrphanSnapshotDeleted" : "OrphanSnapshot")) == 2);
        await Task.Delay(400);
        string[] expected = [kept.SnapshotId, keptGroup.Snapshots[0].SnapshotId, .. policy == AgentOrphans.Delete ? (string[])[] : [orphan.SnapshotId, orphanGroup.Snapshots[0].SnapshotId]];
        Assert.Equal(expected.Order(StringComparer.Ordinal), node.Volumes.ListSnapshots().Select(snapshot => snapshot.Id));
    }

    [Fact]
    public async Task Young_volumes_and_unreadable_PersistentVolumes_lead_to_no_deletion()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        await cluster.AddNodeAsync("n1");
        TestController patient = await cluster.AddControllerAsync(s_fast with { Orphans = OrphanPolicy.Delete, OrphanAge = TimeSpan.FromHours(1) });
        TestController hasty = await cluster.AddControllerAsync(s_fast with { Orphans = OrphanPolicy.Delete });
        Volume volume = await patient.CreateAsync(Create("young"));
        cluster.Api.Faults.OnRequest = call => call.Plural == "persistentvolumes" ? Kubernetes.Emulator.Fault.Of(403, "Forbidden") : null;
        Term[] terms = [new Term(patient), new Term(hasty)];
        await Task.Delay(1000);
        foreach (Term term in terms)
            await term.EndAsync();
        Assert.True(cluster.Api.Counts.Of("list", "persistentvolumes") > 0);
        Assert.Null((await cluster.FindVolumeAsync(volume.VolumeId))!.Metadata.DeletionTimestamp);
    }

    [Fact]
    public async Task What_waits_for_a_node_that_is_gone_is_released_by_the_sweep()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        TestNode node = await cluster.AddNodeAsync("n1");
        TestController controller = await cluster.AddControllerAsync(s_fast with { Orphans = OrphanPolicy.Off });
        Volume volume = await controller.CreateAsync(Create("pvc-1"));
        await node.StopAsync();
        await cluster.Client.DeleteAsync(Resources.Volumes, volume.VolumeId, null, default);
        var term = new Term(controller);
        await Task.Delay(600);
        Assert.NotNull(await cluster.FindVolumeAsync(volume.VolumeId));
        cluster.Api.Erase("v1", "nodes", "n1");
        await Eventually.TrueAsync(async () => await cluster.FindVolumeAsync(volume.VolumeId) is null);
        await term.EndAsync();
    }

    [Theory]
    [InlineData(AgentOrphans.Report, true)]
    [InlineData(AgentOrphans.Delete, false)]
    [InlineData(AgentOrphans.Off, true)]
    public async Task A_local_volume_without_an_object_is_treated_as_told(AgentOrphans policy, bool isKept)
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        TestNode node = await cluster.AddNodeAsync("n1", TestCluster.FastAgent with { Orphans = policy });
        TestController controller = await cluster.AddControllerAsync();
        Volume kept = await controller.CreateAsync(Create("kept")), orphan = await controller.CreateAsync(Create("orphan"));
        cluster.Api.Erase(ScmNames.ApiVersion, "scmvolumes", orphan.VolumeId);
        if (policy != AgentOrphans.Off)
            await Eventually.TrueAsync(async () => (await EventsAsync(cluster)).Any(item => item.Message.Contains(orphan.VolumeId, StringComparison.Ordinal)));
        await Task.Delay(800);
        Assert.Equal(isKept, node.Volumes.ListVolumes().Any(volume => volume.Id == orphan.VolumeId));
        Assert.Contains(node.Volumes.ListVolumes(), volume => volume.Id == kept.VolumeId);
        Assert.Equal(policy != AgentOrphans.Off, (await EventsAsync(cluster)).Any());
    }

    [Fact]
    public async Task A_volume_that_its_node_lost_is_said_to_be_inaccessible()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        TestNode node = await cluster.AddNodeAsync("n1");
        TestController controller = await cluster.AddControllerAsync();
        Volume volume = await controller.CreateAsync(Create("pvc-1"));
        var ask = new ControllerGetVolumeHealthRequest { VolumeId = volume.VolumeId };
        Assert.Empty((await controller.Rpc.ControllerGetVolumeHealth(ask, new CallContext(5))).VolumeHealth.HealthStatuses);
        await node.Volumes.DeleteVolumeAsync(volume.VolumeId, default);
        await Eventually.TrueAsync(async () => (await controller.Rpc.ControllerGetVolumeHealth(ask, new CallContext(5))).VolumeHealth.HealthStatuses.Any(entry => entry.Reason == "VolumeMissing"));
        Assert.Contains((await cluster.FindVolumeAsync(volume.VolumeId))!.Status!.Conditions, condition => condition is { Type: "Healthy", Status: "False" });
    }

    private static void Claim(TestCluster cluster, string volumeId, string driver = DriverInfo.Name) => cluster.Api.Seed(
        "v1", "persistentvolumes", "PersistentVolume", new JsonObject
        {
            ["metadata"] = new JsonObject { ["name"] = $"pv-{volumeId}" },
            ["spec"] = new JsonObject { ["csi"] = new JsonObject { ["driver"] = driver, ["volumeHandle"] = volumeId } },
        });

    private static void Contain(TestCluster cluster, string plural, string kind, string name, JsonObject spec, JsonObject? status) => cluster.Api.Seed(
        plural == "volumesnapshotcontents" ? "snapshot.storage.k8s.io/v1" : "groupsnapshot.storage.k8s.io/v1", plural, kind,
        new JsonObject { ["metadata"] = new JsonObject { ["name"] = name }, ["spec"] = spec, ["status"] = status });

    private static async Task<IReadOnlyList<EventObject>> EventsAsync(TestCluster cluster)
        => (await cluster.Client.ListAsync(Resources.Events("default"), new ListQuery(), default)).Items;

    /// <summary>A controller that leads.</summary>
    private sealed class Term
    {
        private readonly TaskCompletionSource _end = new();
        private readonly Task _run;

        public Term(TestController controller) => _run = RunAsync(controller);

        public async Task EndAsync()
        {
            _end.SetResult();
            await _run;
        }

        private async Task RunAsync(TestController controller)
        {
            using var stop = new CancellationTokenSource();
            Task leading = controller.Cluster.LeadAsync(stop.Token);
            await Task.WhenAny(leading, _end.Task);
            await stop.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => leading);
        }
    }
}
