using Csi.V1;
using Cscm.Kubernetes;
using Grpc.Core;
using static Cscm.Cluster.Tests.RpcCalls;

namespace Cscm.Cluster.Tests;

/// <summary>Where volumes go, and what capacity is said to be.</summary>
public sealed class PlacementTests
{
    [Fact]
    public async Task Volumes_spread_over_nodes_and_the_preferred_one_comes_first()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        foreach (string node in (string[])["n1", "n2", "n3"])
            await cluster.AddNodeAsync(node);
        TestController controller = await cluster.AddControllerAsync();
        var nodes = new List<string>();
        for (int i = 0; i < 3; i++)
        {
            nodes.Add(NodeOf(await controller.CreateAsync(Create($"pvc-{i}", 32 * Mebi))));
            await Task.Delay(200);
        }
        Assert.Equal(["n1", "n2", "n3"], nodes.Order(StringComparer.Ordinal));
        Assert.Equal("n2", NodeOf(await controller.CreateAsync(Create("pvc-p", 32 * Mebi, "n2", "n1", "n3"))));
    }

    [Fact]
    public async Task Volumes_spread_before_their_nodes_have_published_what_they_took()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        foreach (string node in (string[])["n1", "n2", "n3"])
            await cluster.AddNodeAsync(node, TestCluster.FastAgent with { GatherFor = TimeSpan.FromHours(1) });
        TestController controller = await cluster.AddControllerAsync();
        var nodes = new List<string>();
        for (int i = 0; i < 3; i++)
            nodes.Add(NodeOf(await controller.CreateAsync(Create($"pvc-{i}", 32 * Mebi))));
        Assert.Equal(["n1", "n2", "n3"], nodes.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_full_preferred_node_gives_way_to_another_that_is_admitted_and_to_none_that_is_not()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        await cluster.AddNodeAsync("n1", poolBytes: 64 * Mebi);
        await cluster.AddNodeAsync("n2");
        TestController controller = await cluster.AddControllerAsync();
        Assert.Equal("n2", NodeOf(await controller.CreateAsync(Create("pvc-1", 128 * Mebi, "n1", "n2"))));
        Status refusal = await RefusalAsync(() => controller.CreateAsync(Create("pvc-2", 128 * Mebi, "n1")));
        Assert.Equal(StatusCode.ResourceExhausted, refusal.StatusCode);
        Assert.Empty((await cluster.Client.ListAsync(Resources.Volumes, new ListQuery(ScmNames.NodeSelector("n1")), default)).Items);
        Assert.Equal(StatusCode.ResourceExhausted, (await RefusalAsync(() => controller.CreateAsync(Create("pvc-3", 4 * Mebi, "unknown")))).StatusCode);
    }

    [Fact]
    public async Task A_node_with_less_room_than_it_said_is_passed_over_for_the_next()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        // The first says nothing new after it filled up: as if its word were late.
        TestNode first = await cluster.AddNodeAsync("n1", TestCluster.FastAgent with { GatherFor = TimeSpan.FromHours(1) }, poolBytes: 256 * Mebi);
        TestController controller = await cluster.AddControllerAsync();
        await first.Volumes.CreateVolumeAsync(new Storage.VolumeSpec { Name = "big", Size = new Storage.SizeRange(150 * Mebi, 0) }, default);
        TestNode second = await cluster.AddNodeAsync("n2", poolBytes: 200 * Mebi);
        Volume volume = await controller.CreateAsync(Create("pvc-1", 120 * Mebi));
        Assert.Equal("n2", NodeOf(volume));
        Assert.Single(second.Volumes.ListVolumes());
        Assert.Single(first.Volumes.ListVolumes());
    }

    [Fact]
    public async Task Capacity_is_by_topology_and_pool_and_follows_changes()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        await cluster.AddNodeAsync("n1", poolBytes: 128 * Mebi);
        await cluster.AddNodeAsync("n2", poolBytes: 256 * Mebi);
        TestController controller = await cluster.AddControllerAsync();
        async Task<long> Available(string? node, string? pool = null)
        {
            var request = new GetCapacityRequest { AccessibleTopology = node is null ? null : On(node) };
            if (pool is not null)
                request.Parameters.Add("pool", pool);
            return (await controller.Rpc.GetCapacity(request, new CallContext(5))).AvailableCapacity;
        }

        long n1 = await Available("n1"), n2 = await Available("n2");
        Assert.InRange(n1, 100 * Mebi, 128 * Mebi);
        Assert.InRange(n2, 200 * Mebi, 256 * Mebi);
        Assert.Equal(n1 + n2, await Available(null));
        Assert.Equal(n1, await Available("n1", "files"));
        Assert.Equal(0, await Available("n1", "none"));
        Assert.Equal(0, await Available("unknown"));
        Volume volume = await controller.CreateAsync(Create("pvc-1", 32 * Mebi, "n1"));
        await Eventually.TrueAsync(async () => await Available("n1") <= n1 - (32 * Mebi));
        await controller.DeleteAsync(volume.VolumeId);
        await Eventually.TrueAsync(async () => await Available("n1") == n1);
    }

    [Fact]
    public async Task Many_volumes_at_once_fill_the_nodes_and_overfill_none()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        TestNode[] nodes = [await cluster.AddNodeAsync("n1", poolBytes: 128 * Mebi), await cluster.AddNodeAsync("n2", poolBytes: 128 * Mebi)];
        TestController controller = await cluster.AddControllerAsync();
        StatusCode[] codes = await Task.WhenAll(Enumerable.Range(0, 12).Select(async i =>
        {
            try
            {
                await controller.CreateAsync(Create($"pvc-{i}", 20 * Mebi), seconds: 30);
                return StatusCode.OK;
            }
            catch (Storage.StorageException e)
            {
                return Csi.StorageStatus.CodeOf(e.Kind);
            }
        }));
        int made = codes.Count(code => code == StatusCode.OK);
        Assert.All(codes, code => Assert.Contains(code, (StatusCode[])[StatusCode.OK, StatusCode.ResourceExhausted]));
        Assert.InRange(made, 6, 12);
        Assert.Equal(made, nodes.Sum(node => node.Volumes.ListVolumes().Count));
        await Eventually.TrueAsync(async () => (await cluster.Client.ListAsync(Resources.Volumes, new ListQuery(), default)).Items.Count == made);
    }
}
