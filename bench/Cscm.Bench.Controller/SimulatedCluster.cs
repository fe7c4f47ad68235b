using System.Text.Json.Nodes;
using Cscm.Csi.Node.Agent;
using Cscm.Kubernetes;
using Cscm.Kubernetes.Emulator;
using Cscm.Storage;
using Cscm.Storage.State;
using Microsoft.Extensions.Logging.Abstractions;

namespace Cscm.Bench.Controller;

/// <summary>Real node agents over simulated volumes, each with its own watches, on one API server in memory.</summary>
internal sealed class SimulatedCluster(ApiEmulator api, RestKubernetes client)
{
    public const long VolumeBytes = 1L << 30;

    private readonly List<(string Name, SimulatedVolumes Volumes)> _nodes = [];

    /// <summary>Puts nodes and their volumes there as if agents had made them long ago.</summary>
    public async Task SeedAsync(int nodes, int volumesEach)
    {
        for (int i = 0; i < nodes; i++)
        {
            string name = $"node-{i:D4}";
            api.Seed("v1", "nodes", "Node", new JsonObject { ["metadata"] = new JsonObject { ["name"] = name } });
            var volumes = new SimulatedVolumes((volumesEach + 50) * VolumeBytes);
            _nodes.Add((name, volumes));
            for (int v = 0; v < volumesEach; v++)
                Seed(name, await volumes.CreateVolumeAsync(new VolumeSpec { Name = $"pvc-{name}-{v}-{Guid.NewGuid()}", Size = new SizeRange(VolumeBytes, 0) }, default));
        }
    }

    /// <summary>Starts the agents and waits until all nodes are published.</summary>
    public async Task<Task> StartAsync(CancellationToken cancellationToken)
    {
        var runs = new List<Task>();
        foreach ((string name, SimulatedVolumes volumes) in _nodes)
        {
#pragma warning disable CA2000 // Lives as long as the process.
            var agent = new NodeAgent(client, volumes, name, new NodeAgentOptions(), new InformerOptions(), NullLogger.Instance);
#pragma warning restore CA2000
            runs.Add(agent.RunAsync(cancellationToken));
            // A cluster's nodes do not start in one instant.
            if (runs.Count % 20 == 0)
                await Task.Delay(50, cancellationToken);
        }
        while ((await client.ListAsync(Resources.ScmNodes, new ListQuery(), cancellationToken)).Items.Count(node => node.Status is not null) < _nodes.Count)
            await Task.Delay(200, cancellationToken);
        return Task.WhenAll(runs);
    }

    private void Seed(string node, VolumeInfo volume)
    {
        var spec = new JsonObject
        {
            ["volumeName"] = volume.Name,
            ["node"] = node,
            ["pool"] = volume.Pool,
            ["access"] = "Mount",
            ["requiredBytes"] = VolumeBytes,
            ["limitBytes"] = 0L,
            ["erase"] = "Zero",
            ["request"] = 0L,
        };
        string since = "2026-01-01T00:00:00Z";
        JsonObject Condition(string type) => new() { ["type"] = type, ["status"] = "True", ["reason"] = type == "Ready" ? "Created" : type, ["message"] = "", ["lastTransitionTime"] = since };
        var status = new JsonObject
        {
            ["phase"] = "Ready",
            ["observedGeneration"] = 1L,
            ["code"] = "OK",
            ["pool"] = volume.Pool,
            ["poolKind"] = "Lvm",
            ["fileSystem"] = volume.FileSystem,
            ["capacityBytes"] = VolumeBytes,
            ["backingBytes"] = VolumeBytes,
            ["numaNode"] = 0,
            ["createdAt"] = since,
            ["conditions"] = new JsonArray(Condition("Ready"), Condition("Healthy")),
            ["health"] = new JsonArray(),
        };
        var metadata = new JsonObject
        {
            ["name"] = ObjectIds.Volume(volume.Name),
            ["labels"] = new JsonObject { [ScmNames.NodeLabel] = node },
            ["finalizers"] = new JsonArray(ScmNames.Finalizer),
        };
        api.Seed(ScmNames.ApiVersion, "scmvolumes", "ScmVolume", new JsonObject { ["metadata"] = metadata, ["spec"] = spec, ["status"] = status });
    }
}
