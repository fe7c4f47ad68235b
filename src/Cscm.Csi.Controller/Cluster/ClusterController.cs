using Cscm.Kubernetes;
using Cscm.Storage;
using Microsoft.Extensions.Logging;

namespace Cscm.Csi.Controller.Cluster;

/// <summary>The cluster mode of the controller, put together. Every replica serves; what must be done once is the leader's.</summary>
public sealed class ClusterController
{
    private readonly ClusterState _state;
    private readonly GarbageCollector _garbage;

    public ClusterController(IKubernetes client, InformerOptions watching, GarbageOptions garbage, ILogger logger)
    {
        _state = new ClusterState(client, watching, logger);
        var events = new EventRecorder(client, "cscm-controller", null, logger);
        var losses = new NodeLoss(client, events, logger);
        _garbage = new GarbageCollector(client, _state, losses, events, garbage, logger);
        var chooser = new NodeChooser(_state);
        var volumes = new VolumeOrders(_state, new Orders<ScmVolume>(client, Resources.Volumes, _state.Volumes, _state.Nodes, losses), chooser);
        var snapshots = new SnapshotOrders(_state, new Orders<ScmSnapshot>(client, Resources.Snapshots, _state.Snapshots, _state.Nodes, losses));
        var cluster = new ClusterVolumes(_state, chooser, volumes, snapshots);
        (Volumes, Placement) = (cluster, cluster);
    }

    public IVolumeManager Volumes { get; }

    public IPlacement Placement { get; }

    /// <summary>Done when the cluster's objects were read for the first time; calls before are refused as UNAVAILABLE.</summary>
    public Task Synced => _state.Synced;

    public int VolumeCount => _state.Volumes.Count;

    public int NodeCount => _state.Nodes.Count;

    /// <summary>Watches until cancelled.</summary>
    public Task RunAsync(CancellationToken cancellationToken) => _state.RunAsync(cancellationToken);

    /// <summary>What one replica at a time does; run it while this one leads.</summary>
    public Task LeadAsync(CancellationToken cancellationToken) => _garbage.RunAsync(cancellationToken);
}
