using System.Collections.Concurrent;
using Cscm.Kubernetes;
using Microsoft.Extensions.Logging;

namespace Cscm.Csi.Controller.Cluster;

/// <summary>The cluster's volumes, snapshots and nodes as the API server last told; what the controller answers from. Thread-safe.</summary>
internal sealed class ClusterState
{
    /// <summary>Volumes that the free space their nodes published does not reflect yet: few.</summary>
    private readonly ConcurrentDictionary<string, ScmVolume> _pending = new(StringComparer.Ordinal);

    public ClusterState(IKubernetes client, InformerOptions options, ILogger logger)
    {
        Volumes = new(client, Resources.Volumes, null, options, logger) { Changed = Note };
        Snapshots = new(client, Resources.Snapshots, null, options, logger);
        Nodes = new(client, Resources.ScmNodes, null, options, logger) { Changed = Note };
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
        string name = volume.Metadata.Name;
        if (isGone || volume.Status?.Phase == ScmPhase.Failed)
            _pending.TryRemove(name, out _);
        else if (volume.Status?.Phase != ScmPhase.Ready || _pending.ContainsKey(name))
            _pending[name] = volume;
    }

    /// <summary>A node that publishes has counted what it made before.</summary>
    private void Note(ScmNode node, bool isGone)
    {
        foreach ((string name, ScmVolume volume) in _pending)
        {
            if (volume.Spec.Node == node.Metadata.Name && volume.Status?.Phase == ScmPhase.Ready)
                _pending.TryRemove(name, out _);
        }
    }
}
