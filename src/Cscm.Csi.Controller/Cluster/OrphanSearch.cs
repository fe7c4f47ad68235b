using Cscm.Kubernetes;

namespace Cscm.Csi.Controller.Cluster;

/// <summary>Finds volumes and snapshots that nothing which people see in the cluster stands for. Reads page by page, only when there is something to look for.</summary>
internal sealed class OrphanSearch(IKubernetes client, ClusterState state, string driverName)
{
    private const int PageSize = 500;

    /// <summary>Volumes made before a moment without a PersistentVolume.</summary>
    public async Task<IReadOnlyList<ScmVolume>> FindVolumesAsync(DateTimeOffset before, CancellationToken cancellationToken)
    {
        // Looked at before the PersistentVolumes are read: one that is made meanwhile has its volume in neither list.
        ScmVolume[] old =
        [
            .. state.Volumes.Items.Where(volume => volume is { Status.Phase: ScmPhase.Ready, Metadata.DeletionTimestamp: null } && volume.Metadata.CreationTimestamp <= before),
        ];
        if (old.Length == 0)
            return old;
        HashSet<string> claimed = await ReadAsync(
            Resources.PersistentVolumes, volume => volume.Spec.Csi?.Driver == driverName ? [volume.Spec.Csi.VolumeHandle] : [], cancellationToken);
        return [.. old.Where(volume => !claimed.Contains(volume.Metadata.Name))];
    }

    /// <summary>Snapshots made before a moment without a VolumeSnapshotContent; groups of which neither the group nor a member has one.</summary>
    public async Task<IReadOnlyList<ScmSnapshot>> FindSnapshotsAsync(DateTimeOffset before, CancellationToken cancellationToken)
    {
        ScmSnapshot[] old =
        [
            .. state.Snapshots.Items.Where(snapshot => snapshot is { Status.Phase: ScmPhase.Ready, Metadata.DeletionTimestamp: null } && snapshot.Metadata.CreationTimestamp <= before),
        ];
        if (old.Length == 0)
            return old;
        HashSet<string> claimed = await ReadContentsAsync(Resources.SnapshotContents, cancellationToken);
        if (old.Any(snapshot => snapshot.Spec.Volumes is not null))
            claimed.UnionWith(await ReadContentsAsync(Resources.GroupSnapshotContents, cancellationToken));
        return [.. old.Where(snapshot => !claimed.Contains(snapshot.Metadata.Name) && snapshot.Status!.Snapshots?.Any(member => claimed.Contains(member.Name)) != true)];
    }

    private Task<HashSet<string>> ReadContentsAsync(Resource<SnapshotContent> resource, CancellationToken cancellationToken)
        => ReadAsync(resource, content => content.Spec.Driver == driverName ? content.Handles : [], cancellationToken);

    private async Task<HashSet<string>> ReadAsync<T>(Resource<T> resource, Func<T, IEnumerable<string>> handlesOf, CancellationToken cancellationToken)
        where T : KubernetesObject
    {
        var handles = new HashSet<string>(StringComparer.Ordinal);
        string? next = null;
        do
        {
            ObjectList<T> page = await client.ListAsync(resource, new ListQuery(null, PageSize, next), cancellationToken);
            foreach (T item in page.Items)
                handles.UnionWith(handlesOf(item));
            next = page.Metadata.Continue;
        }
        while (!string.IsNullOrEmpty(next));
        return handles;
    }
}
