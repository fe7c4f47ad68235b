using Cscm.Kubernetes;
using Cscm.Storage;
using Cscm.Storage.State;

namespace Cscm.Csi.Controller.Cluster;

/// <summary>Creates and deletes snapshots by their custom resources. Every order may be repeated, on any replica.</summary>
internal sealed class SnapshotOrders(ClusterState state, Orders<ScmSnapshot> orders)
{
    public async Task<SnapshotInfo> CreateAsync(string name, string sourceVolumeId, CancellationToken cancellationToken)
    {
        string id = ObjectIds.Snapshot(name);
        while (true)
        {
            bool isNew = false;
            ScmSnapshot? snapshot = state.Snapshots.Find(id);
            if (snapshot is null)
            {
                ScmVolume source = state.Volumes.Find(sourceVolumeId) is { Status.Phase: ScmPhase.Ready } volume
                    ? volume
                    : throw new StorageException(StorageErrorKind.NotFound, $"source volume {sourceVolumeId} does not exist");
                (snapshot, isNew) = await orders.PlaceAsync(ClusterViews.ToObject(id, name, source), cancellationToken);
            }
            if (snapshot.Spec.Volume != sourceVolumeId)
                throw new StorageException(StorageErrorKind.AlreadyExists, $"snapshot {name} exists and is of volume {snapshot.Spec.Volume}: choose another name, or delete snapshot {id}");
            if (snapshot.Metadata.DeletionTimestamp is null && snapshot.Status?.Phase != ScmPhase.Failed)
                snapshot = await orders.AwaitAsync(snapshot, current => current.Metadata.DeletionTimestamp is not null || current.Status?.Phase is ScmPhase.Ready or ScmPhase.Failed, cancellationToken);
            if (snapshot is { Status.Phase: ScmPhase.Ready, Metadata.DeletionTimestamp: null })
                return ClusterViews.ToInfo(snapshot);
            if (snapshot is null)
                continue;
            await orders.EndAsync(snapshot, snapshot.Spec.Node, RefusalOf, cancellationToken);
            if (isNew && snapshot.Status is { Phase: ScmPhase.Failed } failure)
                throw ClusterViews.ToRefusal(failure.Code, failure.Message, snapshot.Spec.Node);
        }
    }

    public async Task DeleteAsync(string id, CancellationToken cancellationToken)
    {
        if (await orders.FindAsync(id, cancellationToken) is { } snapshot)
            await orders.EndAsync(snapshot, snapshot.Spec.Node, RefusalOf, cancellationToken);
    }

    private static StorageException? RefusalOf(ScmSnapshot snapshot, long generation)
        => snapshot.Status is { } status && status.ObservedGeneration >= generation && status.Code != ScmCode.Ok
            ? ClusterViews.ToRefusal(status.Code, status.Message, snapshot.Spec.Node)
            : null;
}
