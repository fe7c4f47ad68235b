using Csi.V1;
using Cscm.Kubernetes;
using Cscm.Kubernetes.Emulator;
using Cscm.Storage;
using Grpc.Core;
using static Cscm.Cluster.Tests.RpcCalls;

namespace Cscm.Cluster.Tests;

/// <summary>An API server that fails and lies, and processes that die.</summary>
public sealed class OutageTests
{
    [Fact]
    public async Task Mounts_come_and_go_while_the_server_is_away_and_orders_are_answered_when_it_is_back()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        TestNode node = await cluster.AddNodeAsync("n1");
        TestController controller = await cluster.AddControllerAsync();
        Volume volume = await controller.CreateAsync(Create("pvc-1"));
        cluster.Api.Faults.OnRequest = _ => new Fault { IsLost = true };
        cluster.Api.DropWatches();
        string staging = Directory.CreateTempSubdirectory("cscm-stage-").FullName;
        await node.Storage.Publisher.StageAsync(new StageRequest(volume.VolumeId, staging, new MountOptions()), default);
        await File.WriteAllTextAsync(Path.Combine(staging, "kept"), "yes");
        Status refusal = await RefusalAsync(() => controller.CreateAsync(Create("pvc-2"), seconds: 2));
        Assert.Contains(refusal.StatusCode, (StatusCode[])[StatusCode.Unavailable, StatusCode.DeadlineExceeded]);
        // What needs no node is answered still.
        Assert.Single((await controller.Rpc.ListVolumes(new ListVolumesRequest(), new CallContext(1))).Entries);
        cluster.Api.Faults.OnRequest = null;
        await controller.CreateAsync(Create("pvc-2"));
        await node.StopAsync();
        await node.StartAsync(TestCluster.Connect(cluster.Api), TestCluster.FastAgent);
        Assert.Equal("yes", await File.ReadAllTextAsync(Path.Combine(staging, "kept")));
        await node.Storage.Publisher.UnstageAsync(volume.VolumeId, staging, default);
        Directory.Delete(staging);
        await controller.DeleteAsync(volume.VolumeId);
    }

    [Fact]
    public async Task Watches_that_are_dropped_late_repeated_and_too_old_lose_nothing()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        TestNode node = await cluster.AddNodeAsync("n1");
        TestController controller = await cluster.AddControllerAsync();
        cluster.Api.Faults.RepeatsEvents = true;
        cluster.Api.Faults.WatchDelay = TimeSpan.FromMilliseconds(30);
        for (int round = 0; round < 6; round++)
        {
            Task<Volume[]> creates = Task.WhenAll(Enumerable.Range(0, 4).Select(i => controller.CreateAsync(Create($"pvc-{round}-{i}", 4 * Mebi), seconds: 60)));
            if (round % 2 == 0)
                cluster.Api.DropWatches();
            else
                cluster.Api.Compact();
            Volume[] volumes = await creates;
            Assert.Equal(4, node.Volumes.ListVolumes().Count);
            await Task.WhenAll(volumes.Select(volume => controller.DeleteAsync(volume.VolumeId, seconds: 60)));
        }
        await Eventually.TrueAsync(() => node.Volumes.ListVolumes().Count == 0);
        Assert.Empty((await cluster.Client.ListAsync(Resources.Volumes, new ListQuery(), default)).Items);
    }

    [Theory]
    [InlineData(11)]
    [InlineData(12)]
    [InlineData(13)]
    public async Task A_server_that_fails_at_random_ends_with_what_was_asked(int seed)
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        TestNode[] nodes = [await cluster.AddNodeAsync("n1"), await cluster.AddNodeAsync("n2")];
        TestController controller = await cluster.AddControllerAsync();
        var random = new Random(seed);
        cluster.Api.Faults.OnRequest = _ =>
        {
            lock (random)
            {
                return random.Next(12) switch
                {
                    0 => Fault.Of(500, "InternalError"),
                    1 => Fault.Of(429, "TooManyRequests"),
                    2 => new Fault { IsLost = true },
                    3 => new Fault { IsAnswerLost = true },
                    4 => new Fault { Delay = TimeSpan.FromMilliseconds(random.Next(300)) },
                    _ => null,
                };
            }
        };
        await Task.WhenAll(Enumerable.Range(0, 8).Select(async i =>
        {
            Volume volume = await Persist(() => controller.CreateAsync(Create($"pvc-{i}", 4 * Mebi), seconds: 5));
            if (i % 2 == 0)
            {
                await Persist(async () =>
                {
                    await controller.DeleteAsync(volume.VolumeId, seconds: 5);
                    return volume;
                });
            }
        }));
        cluster.Api.Faults.OnRequest = null;
        await Eventually.TrueAsync(() => nodes.Sum(node => node.Volumes.ListVolumes().Count) == 4);
        ScmVolume[] left = [.. (await cluster.Client.ListAsync(Resources.Volumes, new ListQuery(), default)).Items];
        Assert.Equal(["pvc-1", "pvc-3", "pvc-5", "pvc-7"], left.Select(volume => volume.Spec.VolumeName).Order(StringComparer.Ordinal));
        Assert.All(left, volume => Assert.Equal(ScmPhase.Ready, volume.Status!.Phase));
    }

    [Fact]
    public async Task An_agent_that_restarts_at_any_moment_makes_each_volume_once()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        TestNode node = await cluster.AddNodeAsync("n1");
        TestController controller = await cluster.AddControllerAsync();
        for (int round = 0; round < 5; round++)
        {
            Task<Volume[]> creates = Task.WhenAll(Enumerable.Range(0, 4).Select(i => controller.CreateAsync(Create($"pvc-{round}-{i}", 2 * Mebi), seconds: 60)));
            await Task.Delay(15 * round);
            await node.StopAsync();
            await node.StartAsync(TestCluster.Connect(cluster.Api), TestCluster.FastAgent);
            Assert.Equal(4, (await creates).Select(volume => volume.VolumeId).Distinct().Count());
        }
        Assert.Equal(20, node.Volumes.ListVolumes().Count);
    }

    [Fact]
    public async Task A_controller_that_has_not_read_the_cluster_refuses_rather_than_guess()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        cluster.Api.Faults.OnRequest = call => call.Verb == "list" ? Fault.Of(500, "InternalError") : null;
        await using var controller = new TestController(TestCluster.Connect(cluster.Api), TestCluster.Watching);
        Assert.Equal(StatusCode.Unavailable, (await RefusalAsync(() => controller.DeleteAsync("cscm-x", seconds: 2))).StatusCode);
        Assert.Equal(StatusCode.Unavailable, (await RefusalAsync(() => controller.CreateAsync(Create("x"), seconds: 2))).StatusCode);
    }

    /// <summary>As a sidecar does: again and again.</summary>
    private static async Task<T> Persist<T>(Func<Task<T>> call)
    {
        for (int tries = 1; ; tries++)
        {
            try
            {
                return await call();
            }
            catch (Exception e) when (tries < 30 && e is StorageException or OperationCanceledException or RpcException)
            {
                await Task.Delay(50);
            }
        }
    }
}
