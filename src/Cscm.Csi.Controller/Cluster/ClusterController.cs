using Cscm.Kubernetes;
using Cscm.Storage;
using Microsoft.Extensions.Logging;

namespace Cscm.Csi.Controller.Cluster;

/// <summary>The cluster mode of the controller, put together. Every replica serves; what must be done once is the leader's.</summary>
public sealed class ClusterController
{
    private readonly ClusterState _state;

    public ClusterController(IKubernetes client, InformerOptions watching, ILogger logger)
    {
        _state = new ClusterState(client, watching, logger);
        var losses = new NodeLoss(client, new EventRecorder(client, "cscm-controller", null, logger), logger);
        var chooser = new NodeChooser(_state);
        var volumes = new VolumeOrders(_state, new Orders<ScmVolume>(client, Resources.Volumes, _state.Volumes, losses), chooser);
        var snapshots = new SnapshotOrders(_state, new Orders<ScmSnapshot>(client, Resources.Snapshots, _state.Snapshots, losses));
        var cluster = new ClusterVolumes(_state, chooser, volumes, snapshots);
        (Volumes, Placement) = (cluster, cluster);
    }

    public IVolumeManager Volumes { get; }

    public IPlacement Placement { get; }

    /// <summary>Done when the cluster's objects were read for the first time; calls before are refused as UNAVAILABLE.</summary>
    public Task Synced => _state.Synced;

    /// <summary>Watches until cancelled.</summary>
    public Task RunAsync(CancellationToken cancellationToken) => _state.RunAsync(cancellationToken);
}
