using System.Collections.Concurrent;
using Cscm.Kubernetes;
using Microsoft.Extensions.Logging;

namespace Cscm.Csi.Controller.Cluster;

/// <summary>The cluster's volumes, snapshots and nodes as the API server last told; what the controller answers from. Thread-safe.</summary>
internal sealed class ClusterState
{
    /// <summary>Volumes that their nodes have not answered yet: few, and the node's free space does not reflect them.</summary>
    private readonly ConcurrentDictionary<string, ScmVolume> _pending = new(StringComparer.Ordinal);

    public ClusterState(IKubernetes client, InformerOptions options, ILogger logger)
    {
        Volumes = new(client, Resources.Volumes, null, options, logger) { Changed = Note };
        Snapshots = new(client, Resources.Snapshots, null, options, logger);
        Nodes = new(client, Resources.ScmNodes, null, options, logger);
    }

    public Informer<ScmVolume> Volumes { get; }

    public Informer<ScmSnapshot> Snapshots { get; }

    public Informer<ScmNode> Nodes { get; }

    public Task Synced => Task.WhenAll(Volumes.Synced, Snapshots.Synced, Nodes.Synced);

    public Task RunAsync(CancellationToken cancellationToken)
        => Task.WhenAll(Volumes.RunAsync(cancellationToken), Snapshots.RunAsync(cancellationToken), Nodes.RunAsync(cancellationToken));

    /// <summary>What volumes in the making will take of a node's pool; of those that name no pool, of any.</summary>
    public long PendingBytes(string node, string pool)
        => _pending.IsEmpty ? 0 : _pending.Values.Where(volume => volume.Spec.Node == node && (volume.Spec.Pool ?? pool) == pool).Sum(volume => volume.Spec.RequiredBytes);

    private void Note(ScmVolume volume, bool isGone)
    {
        if (!isGone && volume.Status?.Phase is null or ScmPhase.Pending)
            _pending[volume.Metadata.Name] = volume;
        else
            _pending.TryRemove(volume.Metadata.Name, out _);
    }
}
