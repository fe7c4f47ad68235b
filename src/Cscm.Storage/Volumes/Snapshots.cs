using Cscm.Storage.Pools;
using Cscm.Storage.State;

namespace Cscm.Storage.Volumes;

/// <summary>Point-in-time copies of single volumes, and the look-up of all snapshots, those of groups included.</summary>
internal sealed class Snapshots(Catalog catalog, Freezer freezer, VolumeRemover remover)
{
    private const string Noun = "snapshot";

    private RecordTable<SnapshotRecord> Table => catalog.State.Snapshots;

    public static SnapshotRecord? Find(Catalog catalog, string id)
    {
        SnapshotRecord? single = catalog.State.Snapshots.Find(ObjectIds.KeyOf(id));
        return single is not null
            ? (single.Phase == RecordPhase.Ready && single.Id == id ? single : null)
            : AllReady(catalog).FirstOrDefault(snapshot => snapshot.Record.Id == id).Record;
    }

    public static IEnumerable<(SnapshotRecord Record, string GroupId)> AllReady(Catalog catalog)
        => catalog.State.Snapshots.All.Select(pair => (pair.Value, GroupId: ""))
            .Concat(catalog.State.Groups.All.Where(pair => pair.Value.Phase == RecordPhase.Ready)
                .SelectMany(pair => pair.Value.Snapshots.Select(member => (member, pair.Value.Id))))
            .Where(snapshot => snapshot.Item1.Phase == RecordPhase.Ready);

    public static SnapshotInfo View(SnapshotRecord snapshot, string groupId) => new()
    {
        Id = snapshot.Id,
        Name = snapshot.Name,
        SourceVolumeId = snapshot.SourceVolumeId,
        Pool = snapshot.Pool,
        CapacityBytes = snapshot.CapacityBytes,
        CreatedAt = snapshot.CreatedAt,
        GroupId = groupId,
    };

    /// <exception cref="StorageException">FailedPrecondition: the pool copies nothing.</exception>
    public static ISnapshotPool RequireCopying(Catalog catalog, string pool, string id)
        => catalog.PoolOf(pool, id) as ISnapshotPool ?? throw new StorageException(
            StorageErrorKind.FailedPrecondition, $"{id} is in pool {pool}, which has neither snapshots nor clones: use a pool of kind file");

    /// <summary>The record of a snapshot to come.</summary>
    public static SnapshotRecord Plan(VolumeRecord source, string id, string name, DateTimeOffset createdAt) => new()
    {
        Id = id,
        Name = name,
        SourceVolumeId = source.Id,
        Pool = source.Pool,
        Phase = RecordPhase.Creating,
        Access = source.Access,
        FileSystem = source.FileSystem,
        CapacityBytes = source.CapacityBytes,
        BackingBytes = source.BackingBytes,
        FileSystemBytes = source.FileSystemBytes,
        Erase = source.Settings.Erase,
        CreatedAt = createdAt,
    };

    public static void Charge(IScmPool pool, SnapshotRecord snapshot)
    {
        if (!pool.Ledger.TryCharge(ObjectIds.KeyOf(snapshot.Id), snapshot.BackingBytes))
        {
            throw new StorageException(
                StorageErrorKind.ResourceExhausted,
                $"pool {snapshot.Pool} has {pool.Ledger.FreeBytes} bytes free and a snapshot of {snapshot.SourceVolumeId} takes {snapshot.BackingBytes}: delete volumes or snapshots, or enlarge the pool");
        }
    }

    public async Task<SnapshotInfo> CreateAsync(string name, string sourceVolumeId, CancellationToken cancellationToken)
    {
        if (name.Length == 0)
            throw new StorageException(StorageErrorKind.InvalidArgument, "a snapshot needs a name");
        string id = ObjectIds.Snapshot(name), key = ObjectIds.KeyOf(id), sourceKey = ObjectIds.KeyOf(sourceVolumeId);
        using IDisposable hold = catalog.InFlight.Enter(key, sourceKey);
        SnapshotRecord? existing = Table.Find(key);
        if (existing is { Phase: RecordPhase.Ready })
        {
            return existing.SourceVolumeId == sourceVolumeId ? View(existing, "") : throw new StorageException(
                StorageErrorKind.AlreadyExists, $"a snapshot named {name} exists, of volume {existing.SourceVolumeId}: choose another name, or delete snapshot {existing.Id}");
        }
        if (existing is not null)
            Remove(existing);

        VolumeRecord source = catalog.RequireVolume(sourceVolumeId);
        ISnapshotPool pool = RequireCopying(catalog, source.Pool, source.Id);
        SnapshotRecord snapshot = Plan(source, id, name, catalog.Time.GetUtcNow());
        Charge(pool, snapshot);
        try
        {
            Table.Create(key, snapshot);
        }
        catch
        {
            pool.Ledger.Release(key);
            throw;
        }
        try
        {
            using (freezer.Freeze([source]))
                await Task.Run(() => pool.Copy(sourceKey, key, cancellationToken), cancellationToken);
            snapshot = snapshot with { Phase = RecordPhase.Ready };
            Table.Write(key, snapshot);
            return View(snapshot, "");
        }
        catch
        {
            Undo(snapshot);
            throw;
        }
    }

    public void Delete(string snapshotId)
    {
        string key = ObjectIds.KeyOf(snapshotId);
        using IDisposable hold = catalog.InFlight.Enter(key);
        SnapshotRecord? snapshot = Table.Find(key);
        if (snapshot is null || snapshot.Id != snapshotId)
        {
            (SnapshotRecord? member, string groupId) = AllReady(catalog).FirstOrDefault(candidate => candidate.Record.Id == snapshotId);
            if (member is not null)
                throw new StorageException(StorageErrorKind.InvalidArgument, $"snapshot {snapshotId} belongs to group {groupId}: delete the group");
            return;
        }
        if (snapshot.Phase != RecordPhase.Deleting)
        {
            catalog.PoolOf(snapshot.Pool, snapshot.Id).RequireRemovable(key);
            snapshot = snapshot with { Phase = RecordPhase.Deleting };
            Table.Write(key, snapshot);
        }
        Remove(snapshot);
    }

    /// <summary>Removes a snapshot whose record says Creating or Deleting.</summary>
    public void Remove(SnapshotRecord snapshot)
    {
        remover.RemoveImage(snapshot);
        Table.Delete(ObjectIds.KeyOf(snapshot.Id));
    }

    private void Undo(SnapshotRecord snapshot)
    {
        try
        {
            Remove(snapshot);
        }
        catch (Exception e) when (e is StorageException or IOException or UnauthorizedAccessException)
        {
            catalog.Log($"{Noun} {snapshot.Id} could not be removed after a failed call, and will be by the next or at the next start: {e.Message}");
        }
    }
}
