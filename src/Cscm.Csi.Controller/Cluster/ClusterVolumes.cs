using Cscm.Kubernetes;
using Cscm.Storage;

namespace Cscm.Csi.Controller.Cluster;

/// <summary>
/// The volumes of a cluster under the RPC classes. Changes are orders to the nodes, by custom resources; reads come from the copy that
/// watches keep and cost no request. Thread-safe.
/// </summary>
internal sealed class ClusterVolumes(ClusterState state, NodeChooser chooser, VolumeOrders volumes, SnapshotOrders snapshots) : IVolumeManager, IPlacement
{
    /// <summary>Claimed whatever nodes there are now: sidecars ask once, at their start.</summary>
    public bool SupportsCopies => true;

    public Task<VolumeInfo> CreateVolumeAsync(VolumeSpec spec, NodeTerms where, CancellationToken cancellationToken)
        => GuardAsync(() => volumes.CreateAsync(spec, where, cancellationToken));

    public Task<VolumeInfo> CreateVolumeAsync(VolumeSpec spec, CancellationToken cancellationToken)
        => CreateVolumeAsync(spec, NodeTerms.Anywhere, cancellationToken);

    public PoolCapacity GetCapacity(string? pool, AccessType access, string? fileSystem, NodeTerms where)
    {
        RequireSynced();
        return chooser.CapacityOf(pool, access, fileSystem, where);
    }

    public PoolCapacity GetCapacity(string? pool, AccessType access, string? fileSystem) => GetCapacity(pool, access, fileSystem, NodeTerms.Anywhere);

    public string NodeOf(string volumeId)
    {
        RequireSynced();
        return volumes.Require(volumeId).Spec.Node;
    }

    public Task DeleteVolumeAsync(string volumeId, CancellationToken cancellationToken) => GuardAsync(async () =>
    {
        await volumes.DeleteAsync(volumeId, cancellationToken);
        return true;
    });

    public Task<ExpandResult> ExpandVolumeAsync(string volumeId, SizeRange size, CancellationToken cancellationToken)
        => GuardAsync(() => volumes.ExpandAsync(volumeId, size, cancellationToken));

    public Task<VolumeInfo> ModifyVolumeAsync(string volumeId, VolumeSettingsChange change, CancellationToken cancellationToken)
        => GuardAsync(() => volumes.ModifyAsync(volumeId, change, cancellationToken));

    public VolumeInfo GetVolume(string volumeId)
    {
        RequireSynced();
        return ClusterViews.ToInfo(volumes.Require(volumeId));
    }

    public IReadOnlyList<VolumeInfo> ListVolumes()
    {
        RequireSynced();
        return
        [
            .. state.Volumes.Items.Where(volume => volume.Status?.Phase == ScmPhase.Ready)
                .OrderBy(volume => volume.Metadata.Name, StringComparer.Ordinal).Select(ClusterViews.ToInfo),
        ];
    }

    public Task<SnapshotInfo> CreateSnapshotAsync(string name, string sourceVolumeId, CancellationToken cancellationToken)
        => GuardAsync(() => snapshots.CreateAsync(name, sourceVolumeId, cancellationToken));

    public Task DeleteSnapshotAsync(string snapshotId, CancellationToken cancellationToken) => GuardAsync(async () =>
    {
        await snapshots.DeleteAsync(snapshotId, cancellationToken);
        return true;
    });

    public SnapshotInfo GetSnapshot(string snapshotId)
    {
        RequireSynced();
        return state.FindSnapshot(snapshotId) is { } snapshot
            ? ClusterViews.ToInfos(snapshot).Single(info => info.Id == snapshotId)
            : throw new StorageException(StorageErrorKind.NotFound, $"snapshot {snapshotId} does not exist");
    }

    public IReadOnlyList<SnapshotInfo> ListSnapshots()
    {
        RequireSynced();
        return
        [
            .. state.Snapshots.Items.Where(snapshot => snapshot.Status?.Phase == ScmPhase.Ready)
                .SelectMany(ClusterViews.ToInfos).OrderBy(snapshot => snapshot.Id, StringComparer.Ordinal),
        ];
    }

    public IReadOnlyList<PoolInfo> ListPools()
    {
        RequireSynced();
        return
        [
            .. state.Nodes.Items.OrderBy(node => node.Metadata.Name, StringComparer.Ordinal).SelectMany(node => (node.Status?.Pools ?? []).Select(pool => new PoolInfo(
                pool.Name, ClusterViews.Parse(pool.Kind, PoolKind.File), pool.IsDefault, pool.NumaNode,
                pool.Offers.Any(offer => offer.Access == nameof(AccessType.Block)), pool.SupportsSnapshots,
                [.. pool.Offers.Select(offer => offer.FileSystem).OfType<string>()],
                new PoolCapacity(pool.AvailableBytes, pool.Offers.Select(offer => offer.MaximumVolumeBytes).DefaultIfEmpty().Max(), 0, pool.TotalBytes)))),
        ];
    }

    public IReadOnlyList<PoolHealth> GetPoolHealth()
    {
        RequireSynced();
        return
        [
            .. from node in state.Nodes.Items
               from pool in node.Status?.Pools ?? []
               from finding in pool.Health.Select(ClusterViews.ToFinding)
               select new PoolHealth($"{node.Metadata.Name}/{pool.Name}", finding.Kind, finding.Reason, finding.Message),
        ];
    }

    public Task<GroupSnapshotInfo> CreateGroupSnapshotAsync(string name, IReadOnlyList<string> sourceVolumeIds, CancellationToken cancellationToken)
        => GuardAsync(() => snapshots.CreateGroupAsync(name, sourceVolumeIds, cancellationToken));

    public Task DeleteGroupSnapshotAsync(string groupId, IReadOnlyList<string> snapshotIds, CancellationToken cancellationToken) => GuardAsync(async () =>
    {
        await snapshots.DeleteGroupAsync(groupId, snapshotIds, cancellationToken);
        return true;
    });

    public GroupSnapshotInfo GetGroupSnapshot(string groupId)
    {
        RequireSynced();
        return state.Snapshots.Find(groupId) is { Spec.Volumes: not null, Status.Phase: ScmPhase.Ready } group
            ? ClusterViews.ToGroupInfo(group)
            : throw new StorageException(StorageErrorKind.NotFound, $"group snapshot {groupId} does not exist");
    }

    public IEnumerable<BlockExtent> ReadAllocatedExtents(string snapshotId, long startingOffsetBytes) => throw NoExtents();

    public IEnumerable<BlockExtent> ReadChangedExtents(string baseSnapshotId, string targetSnapshotId, long startingOffsetBytes) => throw NoExtents();

    private static StorageException NoExtents()
        => new(StorageErrorKind.Unimplemented, "the blocks of a snapshot are known on its node only");

    /// <summary>An incomplete copy would answer "does not exist" of what does.</summary>
    private void RequireSynced()
    {
        if (!state.Synced.IsCompletedSuccessfully)
            throw new StorageException(StorageErrorKind.Unavailable, "the controller has not read the cluster's volumes yet: repeat the call shortly");
    }

    private async Task<T> GuardAsync<T>(Func<Task<T>> order)
    {
        RequireSynced();
        try
        {
            return await order();
        }
        catch (KubernetesException e)
        {
            throw new StorageException(e.IsTransient || e.IsConflict ? StorageErrorKind.Unavailable : StorageErrorKind.Internal, e.Message, e);
        }
    }
}
