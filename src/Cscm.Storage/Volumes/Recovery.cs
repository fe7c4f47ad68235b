using Cscm.Storage.Pools;
using Cscm.Storage.Publishing;
using Cscm.Storage.State;

namespace Cscm.Storage.Volumes;

/// <summary>
/// What a start does before it serves: thaws what was frozen, undoes or finishes what was in flight, brings the records of mounts in
/// line with the kernel's, and removes what belongs to no record. Itself interruptible at any step. One object's trouble does not
/// keep the others from being served.
/// </summary>
internal sealed class Recovery(
    Catalog catalog, Mountings mountings, Freezer freezer, VolumeRemover remover, VolumeResizer resizer, Snapshots snapshots, GroupSnapshots groups)
{
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        // Charges first: growth and removal adjust them.
        ChargeAll();
        ThawSources();
        foreach ((_, SnapshotRecord snapshot) in catalog.State.Snapshots.All.Where(pair => pair.Value.Phase != RecordPhase.Ready).ToArray())
            Try($"snapshot {snapshot.Id}", () => snapshots.Remove(snapshot));
        foreach ((_, GroupRecord group) in catalog.State.Groups.All.Where(pair => pair.Value.Phase != RecordPhase.Ready).ToArray())
            Try($"group snapshot {group.Id}", () => groups.Remove(group));
        foreach ((_, VolumeRecord volume) in catalog.Volumes.All.ToArray())
            await TryAsync($"volume {volume.Id}", () => RecoverAsync(volume, cancellationToken));
        foreach (IScmPool pool in catalog.Pools)
            Try($"pool {pool.Options.Name}", () => pool.RemoveOrphans(IsKnown, IsDevicePinned));
    }

    private void ChargeAll()
    {
        foreach ((string key, VolumeRecord volume) in catalog.Volumes.All)
            Charge(volume.Pool, key, Math.Max(volume.BackingBytes, volume.Resize?.BackingBytes ?? 0));
        foreach ((string key, SnapshotRecord snapshot) in catalog.State.Snapshots.All)
            Charge(snapshot.Pool, key, snapshot.BackingBytes);
        foreach (SnapshotRecord member in catalog.State.Groups.All.SelectMany(pair => pair.Value.Snapshots))
            Charge(member.Pool, ObjectIds.KeyOf(member.Id), member.BackingBytes);
        // What a damaged record cannot tell, the medium can.
        foreach (DamagedRecord damaged in catalog.Volumes.Damaged.Concat(catalog.State.Snapshots.Damaged))
        {
            foreach (IScmPool pool in catalog.Pools)
                pool.Ledger.Adopt(damaged.Key, pool.FindBackingBytes(damaged.Key));
        }
    }

    private void Charge(string pool, string key, long bytes)
        => catalog.Pools.FirstOrDefault(candidate => candidate.Options.Name == pool)?.Ledger.Adopt(key, bytes);

    private void ThawSources()
    {
        IEnumerable<string> keys = catalog.State.Snapshots.All.Select(pair => pair.Value).Where(snapshot => snapshot.Phase == RecordPhase.Creating)
            .Concat(catalog.State.Groups.All.Where(pair => pair.Value.Phase == RecordPhase.Creating).SelectMany(pair => pair.Value.Snapshots))
            .Select(snapshot => ObjectIds.KeyOf(snapshot.SourceVolumeId))
            .Concat(catalog.Volumes.All.Select(pair => pair.Value.FrozenKey).OfType<string>());
        foreach (string key in keys.Distinct(StringComparer.Ordinal).ToArray())
        {
            Try($"volume {key}", () =>
            {
                if (catalog.Volumes.Find(key) is { Access: AccessType.Mount } volume)
                    freezer.Thaw(volume);
            });
        }
    }

    private async Task RecoverAsync(VolumeRecord volume, CancellationToken cancellationToken)
    {
        if (volume.Phase != RecordPhase.Ready)
        {
            remover.Remove(volume);
            return;
        }
        IScmPool pool = catalog.PoolOf(volume);
        pool.FinishMaking(volume);
        if (!volume.IsContentLost && !pool.Examine(volume).Any(finding => finding.Kind == HealthKind.DataLoss))
            pool.Restore(volume);
        else
            volume = RestoreLost(volume, pool);
        if (volume.Resize is not null)
            volume = await resizer.FinishAsync(volume, cancellationToken);
        DropMissingMounts(volume);
    }

    /// <summary>That the content is gone is recorded before an empty medium takes its place.</summary>
    private VolumeRecord RestoreLost(VolumeRecord volume, IScmPool pool)
    {
        if (volume.PoolKind != PoolKind.Dram)
            return volume;
        if (!volume.IsContentLost)
            volume = catalog.Write(volume with { IsContentLost = true });
        pool.Restore(volume);
        return volume;
    }

    /// <summary>Records of mounts that are not there are forgotten, and the paths made for them removed.</summary>
    private void DropMissingMounts(VolumeRecord volume)
    {
        TargetRecord[] missing = [.. volume.Targets.Where(target => !mountings.IsMountedAt(volume, target.Path))];
        bool isStageMissing = volume.Stage is not null && !mountings.IsStaged(volume);
        if (missing.Length == 0 && !isStageMissing)
            return;
        foreach (TargetRecord target in missing)
            mountings.TakeDown(volume, target.Path, target.Made);
        if (isStageMissing)
            mountings.TakeDownStage(volume, volume.Stage!);
        catalog.Write(volume with
        {
            Targets = [.. volume.Targets.Except(missing)],
            Stage = isStageMissing ? null : volume.Stage,
        });
    }

    /// <summary>Damaged records count: what may still be someone's data is not removed.</summary>
    private bool IsKnown(string key)
        => catalog.Volumes.Holds(key) || catalog.State.Snapshots.Holds(key)
            || catalog.State.Groups.Damaged.Count > 0
            || catalog.State.Groups.All.Any(pair => pair.Value.Snapshots.Any(member => ObjectIds.KeyOf(member.Id) == key));

    private bool IsDevicePinned(string key, bool isReadOnly)
    {
        VolumeRecord? volume = catalog.Volumes.All.FirstOrDefault(pair => pair.Key == key).Value;
        // Of a damaged volume nobody knows.
        return volume is null || (volume is { Access: AccessType.Block, Stage: not null } && (!isReadOnly || volume.Targets.Any(target => target.IsReadOnly)));
    }

    private void Try(string what, Action act)
    {
        try
        {
            act();
        }
        catch (Exception e) when (e is StorageException or IOException or UnauthorizedAccessException)
        {
            catalog.Log($"{what} could not be recovered, and will be at the next start or when it is used: {e.Message}");
        }
    }

    private async Task TryAsync(string what, Func<Task> act)
    {
        try
        {
            await act();
        }
        catch (Exception e) when (e is StorageException or IOException or UnauthorizedAccessException)
        {
            catalog.Log($"{what} could not be recovered, and will be at the next start or when it is used: {e.Message}");
        }
    }
}
