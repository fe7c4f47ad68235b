using Cscm.Kubernetes;
using Cscm.Storage;
using Cscm.Storage.State;

namespace Cscm.Csi.Node.Agent;

/// <summary>As <see cref="VolumeReconciler"/>, for snapshots and groups of them, which never change.</summary>
internal sealed class SnapshotReconciler(ObjectWriter<ScmSnapshot> objects, IVolumeManager volumes, NodeReporter reporter)
{
    /// <returns>Whether nothing is left to do until something changes.</returns>
    public async Task<bool> ReconcileAsync(string name, CancellationToken cancellationToken)
    {
        if (objects.Find(name) is not { } snapshot)
            return true;
        if (snapshot.Metadata.DeletionTimestamp is not null)
            return snapshot.Metadata.Finalizers?.Contains(ScmNames.Finalizer) != true || await DeleteAsync(snapshot, cancellationToken);
        return snapshot.Status?.Phase is not (null or ScmPhase.Pending) || await CreateAsync(snapshot, cancellationToken);
    }

    private async Task<bool> CreateAsync(ScmSnapshot snapshot, CancellationToken cancellationToken)
    {
        ScmSnapshotStatus status;
        try
        {
            status = await MakeAsync(snapshot, cancellationToken) with
            {
                Phase = ScmPhase.Ready,
                ObservedGeneration = snapshot.Metadata.Generation ?? 0,
                Conditions = [Conditions.Next([], "Ready", isTrue: true, "Created", "")],
            };
            reporter.Nudge();
        }
        catch (StorageException e)
        {
            status = Refused(snapshot, e) with { Phase = ScmPhase.Failed };
        }
        if (await objects.WriteStatusAsync(snapshot, new ScmSnapshot { Status = status }, cancellationToken))
            return true;
        if (status.Phase == ScmPhase.Ready && objects.Find(snapshot.Metadata.Name) is null)
            await RemoveAsync(snapshot, cancellationToken);
        return objects.Find(snapshot.Metadata.Name) is null;
    }

    private async Task<ScmSnapshotStatus> MakeAsync(ScmSnapshot snapshot, CancellationToken cancellationToken)
    {
        if (snapshot.Spec.Volumes is not { } volumeIds)
        {
            SnapshotInfo made = await volumes.CreateSnapshotAsync(snapshot.Spec.SnapshotName, snapshot.Spec.Volume ?? "", cancellationToken);
            return new ScmSnapshotStatus { Pool = made.Pool, CapacityBytes = made.CapacityBytes, CreatedAt = made.CreatedAt };
        }
        GroupSnapshotInfo group = await volumes.CreateGroupSnapshotAsync(snapshot.Spec.SnapshotName, volumeIds, cancellationToken);
        return new ScmSnapshotStatus
        {
            CreatedAt = group.CreatedAt,
            CapacityBytes = group.Snapshots.Sum(member => member.CapacityBytes),
            Snapshots = [.. group.Snapshots.Select(member => new ScmGroupMember(member.Id, member.SourceVolumeId, member.Pool, member.CapacityBytes))],
        };
    }

    /// <remarks>The members' ids follow from the order: one that was interrupted has no status to read them from.</remarks>
    private Task RemoveAsync(ScmSnapshot snapshot, CancellationToken cancellationToken) => snapshot.Spec.Volumes is not { } volumeIds
        ? volumes.DeleteSnapshotAsync(snapshot.Metadata.Name, cancellationToken)
        : volumes.DeleteGroupSnapshotAsync(
            snapshot.Metadata.Name, [.. volumeIds.Select(volumeId => ObjectIds.GroupMember(snapshot.Spec.SnapshotName, volumeId))], cancellationToken);

    private async Task<bool> DeleteAsync(ScmSnapshot snapshot, CancellationToken cancellationToken)
    {
        try
        {
            await RemoveAsync(snapshot, cancellationToken);
        }
        catch (StorageException e)
        {
            ScmSnapshotStatus refused = Refused(snapshot, e);
            if (snapshot.Status is not { } old || old.Message != refused.Message || old.ObservedGeneration != refused.ObservedGeneration)
                await objects.WriteStatusAsync(snapshot, new ScmSnapshot { Status = refused }, cancellationToken);
            return false;
        }
        reporter.Nudge();
        await objects.ReleaseAsync(snapshot, cancellationToken);
        return true;
    }

    private static ScmSnapshotStatus Refused(ScmSnapshot snapshot, StorageException refusal)
        => (snapshot.Status ?? new ScmSnapshotStatus()) with
        {
            ObservedGeneration = snapshot.Metadata.Generation ?? 0,
            Code = refusal.Kind.ToString(),
            Message = refusal.Message,
            Conditions = snapshot.Status?.Phase == ScmPhase.Ready
                ? snapshot.Status.Conditions
                : [Conditions.Next(snapshot.Status?.Conditions ?? [], "Ready", isTrue: false, refusal.Kind.ToString(), refusal.Message)],
        };
}
