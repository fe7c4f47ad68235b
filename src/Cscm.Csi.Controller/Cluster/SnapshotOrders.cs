using Cscm.Kubernetes;
using Cscm.Storage;
using Cscm.Storage.State;

namespace Cscm.Csi.Controller.Cluster;

/// <summary>
/// Creates and deletes snapshots and groups of them by their custom resources: one object each, so that a group appears and vanishes
/// whole. Every order may be repeated, on any replica.
/// </summary>
internal sealed class SnapshotOrders(ClusterState state, Orders<ScmSnapshot> orders)
{
    public async Task<SnapshotInfo> CreateAsync(string name, string sourceVolumeId, CancellationToken cancellationToken)
    {
        string id = ObjectIds.Snapshot(name);
        ScmSnapshot made = await PlaceAsync(
            id, () => ClusterViews.ToObject(id, name, RequireSource(sourceVolumeId)),
            existing => existing.Spec.Volume == sourceVolumeId
                ? null
                : $"snapshot {name} exists and is of volume {existing.Spec.Volume}: choose another name, or delete snapshot {id}",
            cancellationToken);
        return ClusterViews.ToInfo(made);
    }

    /// <exception cref="StorageException">InvalidArgument: the volumes are on several nodes, which have no moment in common.</exception>
    public async Task<GroupSnapshotInfo> CreateGroupAsync(string name, IReadOnlyList<string> sourceVolumeIds, CancellationToken cancellationToken)
    {
        string id = ObjectIds.Group(name);
        string[] volumeIds = [.. sourceVolumeIds.Order(StringComparer.Ordinal)];
        ScmSnapshot made = await PlaceAsync(
            id, () => ClusterViews.ToGroupObject(id, name, NodeOf(volumeIds), volumeIds),
            existing => volumeIds.SequenceEqual(existing.Spec.Volumes ?? [])
                ? null
                : $"group snapshot {name} exists and is of other volumes: choose another name, or delete group {id}",
            cancellationToken);
        return ClusterViews.ToGroupInfo(made);
    }

    public async Task DeleteAsync(string id, CancellationToken cancellationToken)
    {
        if (state.FindSnapshot(id) is { Spec.Volumes: not null } group)
            throw new StorageException(StorageErrorKind.InvalidArgument, $"snapshot {id} belongs to group {group.Metadata.Name}: delete the group");
        if (await orders.FindAsync(id, cancellationToken) is { Spec.Volumes: null } snapshot)
            await orders.EndAsync(snapshot, snapshot.Spec.Node, RefusalOf, cancellationToken);
    }

    /// <exception cref="StorageException">InvalidArgument: <paramref name="snapshotIds"/> are not the group's.</exception>
    public async Task DeleteGroupAsync(string id, IReadOnlyList<string> snapshotIds, CancellationToken cancellationToken)
    {
        if (await orders.FindAsync(id, cancellationToken) is not { Spec.Volumes: { } volumeIds } group)
            return;
        if (!volumeIds.Select(volumeId => ObjectIds.GroupMember(group.Spec.SnapshotName, volumeId)).ToHashSet(StringComparer.Ordinal).SetEquals(snapshotIds))
            throw new StorageException(StorageErrorKind.InvalidArgument, $"the given snapshots are not those of group {id}: name all of them and no other");
        await orders.EndAsync(group, group.Spec.Node, RefusalOf, cancellationToken);
    }

    /// <summary>Brings an object to ready, whatever an earlier call or another replica left of it.</summary>
    private async Task<ScmSnapshot> PlaceAsync(string id, Func<ScmSnapshot> make, Func<ScmSnapshot, string?> findDifference, CancellationToken cancellationToken)
    {
        while (true)
        {
            bool isNew = false;
            ScmSnapshot? snapshot = state.Snapshots.Find(id);
            if (snapshot is null)
                (snapshot, isNew) = await orders.PlaceAsync(make(), cancellationToken);
            if (findDifference(snapshot) is string difference)
                throw new StorageException(StorageErrorKind.AlreadyExists, difference);
            if (snapshot.Metadata.DeletionTimestamp is null && snapshot.Status?.Phase != ScmPhase.Failed)
                snapshot = await orders.AwaitAsync(snapshot, current => current.Metadata.DeletionTimestamp is not null || current.Status?.Phase is ScmPhase.Ready or ScmPhase.Failed, cancellationToken);
            if (snapshot is { Status.Phase: ScmPhase.Ready, Metadata.DeletionTimestamp: null })
                return snapshot;
            if (snapshot is null)
                continue;
            await orders.EndAsync(snapshot, snapshot.Spec.Node, RefusalOf, cancellationToken);
            if (isNew && snapshot.Status is { Phase: ScmPhase.Failed } failure)
                throw ClusterViews.ToRefusal(failure.Code, failure.Message, snapshot.Spec.Node);
        }
    }

    private ScmVolume RequireSource(string volumeId) => state.Volumes.Find(volumeId) is { Status.Phase: ScmPhase.Ready } volume
        ? volume
        : throw new StorageException(StorageErrorKind.NotFound, $"source volume {volumeId} does not exist");

    private string NodeOf(IReadOnlyList<string> volumeIds)
    {
        string[] nodes = [.. volumeIds.Select(id => RequireSource(id).Spec.Node).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];
        return nodes.Length == 1 ? nodes[0] : throw new StorageException(
            StorageErrorKind.InvalidArgument,
            $"the volumes are on {nodes.Length} nodes ({string.Join(", ", nodes)}), and a group is taken at one moment on one node: select volumes of one node");
    }

    private static StorageException? RefusalOf(ScmSnapshot snapshot, long generation)
        => snapshot.Status is { } status && status.ObservedGeneration >= generation && status.Code != ScmCode.Ok
            ? ClusterViews.ToRefusal(status.Code, status.Message, snapshot.Spec.Node)
            : null;
}
