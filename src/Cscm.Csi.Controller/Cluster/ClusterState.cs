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

    /// <summary>The ready object that holds a CSI snapshot: its own, or its group's.</summary>
    public ScmSnapshot? FindSnapshot(string snapshotId)
    {
        ScmSnapshot? found = Snapshots.Find(snapshotId) is { Spec.Volumes: null } own
            ? own
            : Snapshots.Items.FirstOrDefault(item => item.Status?.Snapshots?.Any(member => member.Name == snapshotId) == true);
        return found?.Status?.Phase == ScmPhase.Ready ? found : null;
    }

    /// <summary>What volumes will take, or took unpublished, of each node's pools.</summary>
    public PendingBytes ReadPending() => new(_pending.Values);

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

/// <summary>One reading for a choice among all nodes.</summary>
internal sealed class PendingBytes(ICollection<ScmVolume> volumes)
{
    private readonly ILookup<string, ScmVolume> _byNode = volumes.ToLookup(volume => volume.Spec.Node, StringComparer.Ordinal);

    /// <summary>Volumes that name no pool count against each.</summary>
    public long Of(string node, string pool) => _byNode[node].Where(volume => (volume.Spec.Pool ?? pool) == pool).Sum(volume => Math.Max(volume.Spec.RequiredBytes, volume.Status?.BackingBytes ?? 0));
}
