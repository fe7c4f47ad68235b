using System.Text.Json.Nodes;
using Cscm.Csi.Controller.Cluster;
using Cscm.Csi.Node.Agent;
using Cscm.Kubernetes;
using Cscm.Kubernetes.Emulator;
using Cscm.Storage;
using Microsoft.Extensions.Logging.Abstractions;

namespace Cscm.Cluster.Tests;

/// <summary>An API server in memory, controllers and node agents on it as in a cluster, over real file pools below a directory that goes away.</summary>
internal sealed class TestCluster : IAsyncDisposable
{
    public static readonly NodeAgentOptions FastAgent = new()
    {
        ScanEvery = TimeSpan.FromMilliseconds(200),
        GatherFor = TimeSpan.FromMilliseconds(50),
        FirstPause = TimeSpan.FromMilliseconds(50),
        LongestPause = TimeSpan.FromMilliseconds(500),
        OrphanAge = TimeSpan.FromMilliseconds(300),
        UnmountPatience = TimeSpan.FromMilliseconds(300),
    };

    private static readonly InformerOptions s_watching = new() { FirstPause = TimeSpan.FromMilliseconds(20), LongestPause = TimeSpan.FromMilliseconds(500) };

    private readonly List<IAsyncDisposable> _running = [];
    private readonly string _directory = Directory.CreateTempSubdirectory("cscm-cluster-").FullName;

    private TestCluster(ApiEmulator api) => (Api, Client) = (api, Connect(api));

    public ApiEmulator Api { get; }

    public RestKubernetes Client { get; }

    public static async Task<TestCluster> StartAsync() => new(await ApiEmulator.StartAsync());

    /// <summary>Adds a node with an agent on a file pool of 256 MiB, and waits until it is published.</summary>
    public async Task<TestNode> AddNodeAsync(string name, NodeAgentOptions? options = null, long poolBytes = 256 << 20)
    {
        Api.Seed("v1", "nodes", "Node", new JsonObject { ["metadata"] = new JsonObject { ["name"] = name } });
        var node = new TestNode(name, Path.Combine(_directory, name), poolBytes);
        await node.StartAsync(Connect(Api), options ?? FastAgent);
        _running.Add(node);
        await Eventually.TrueAsync(async () => (await Client.ListAsync(Resources.ScmNodes, new ListQuery(), default)).Items.Any(item => item.Metadata.Name == name && item.Status is not null));
        return node;
    }

    /// <summary>Adds a controller replica that has read the cluster.</summary>
    public async Task<TestController> AddControllerAsync(GarbageOptions? garbage = null)
    {
        var controller = new TestController(Connect(Api), s_watching, garbage);
        _running.Add(controller);
        await controller.Cluster.Synced.WaitAsync(TimeSpan.FromSeconds(10));
        return controller;
    }

    public async Task<ScmVolume?> FindVolumeAsync(string id)
    {
        try
        {
            return await Client.GetAsync(Resources.Volumes, id, default);
        }
        catch (KubernetesException e) when (e.IsNotFound)
        {
            return null;
        }
    }

    public async ValueTask DisposeAsync()
    {
        Api.Faults.OnRequest = null;
        foreach (IAsyncDisposable running in _running)
            await running.DisposeAsync();
        Client.Dispose();
        await Api.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
    }

    public static RestKubernetes Connect(ApiEmulator api) => new(new ClusterConfig { Server = api.Address });

    public static InformerOptions Watching => s_watching;
}

/// <summary>A node's storage and its agent, each of which can stop and start.</summary>
internal sealed class TestNode(string name, string directory, long poolBytes) : IAsyncDisposable
{
    private RestKubernetes? _client;
    private NodeAgent? _agent;
    private CancellationTokenSource? _stop;
    private Task _run = Task.CompletedTask;

    public string Name => name;

    public StorageHost Storage { get; private set; } = null!;

    public IVolumeManager Volumes => Storage.Manager;

    public async Task StartAsync(RestKubernetes client, NodeAgentOptions options)
    {
        Storage = await StorageHost.OpenAsync(
            new StorageOptions { StateDirectory = directory, Pools = [new PoolOptions { Name = "files", Kind = PoolKind.File, SizeBytes = poolBytes }] },
            IStepObserver.None, TimeProvider.System, _ => { });
        _client = client;
        _stop = new CancellationTokenSource();
        _agent = new NodeAgent(client, Storage.Manager, name, options, TestCluster.Watching, NullLogger.Instance);
        _run = _agent.RunAsync(_stop.Token);
    }

    public async Task StopAsync()
    {
        await _stop!.CancelAsync();
        await _run;
        _agent!.Dispose();
        _stop.Dispose();
        _client!.Dispose();
        Storage.Dispose();
        _agent = null;
    }

    public async ValueTask DisposeAsync()
    {
        if (_agent is not null)
            await StopAsync();
    }
}

/// <summary>One controller replica.</summary>
internal sealed class TestController : IAsyncDisposable
{
    private readonly RestKubernetes _client;
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _run;
    private bool _isDisposed;

    public TestController(RestKubernetes client, InformerOptions watching, GarbageOptions? garbage = null)
    {
        _client = client;
        Cluster = new ClusterController(client, watching, garbage ?? new GarbageOptions(), NullLogger.Instance);
        Groups = new Csi.Controller.GroupControllerService(Cluster.Volumes, Cluster.Placement);
        Rpc = new Csi.Controller.ControllerService(Cluster.Volumes, Cluster.Placement, new Csi.DriverInfo("controller"));
        _run = Cluster.RunAsync(_stop.Token);
    }

    public ClusterController Cluster { get; }

    public Csi.Controller.ControllerService Rpc { get; }

    public Csi.Controller.GroupControllerService Groups { get; }

    public async ValueTask DisposeAsync()
    {
        if (_isDisposed)
            return;
        _isDisposed = true;
        await _stop.CancelAsync();
        await _run;
        _stop.Dispose();
        _client.Dispose();
    }
}

internal static class Eventually
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(20);

    public static async Task TrueAsync(Func<Task<bool>> condition)
    {
        long startedAt = TimeProvider.System.GetTimestamp();
        while (!await condition())
        {
            Assert.True(TimeProvider.System.GetElapsedTime(startedAt) < s_patience, "it did not come true in time");
            await Task.Delay(20);
        }
    }

    public static Task TrueAsync(Func<bool> condition) => TrueAsync(() => Task.FromResult(condition()));
}
