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
