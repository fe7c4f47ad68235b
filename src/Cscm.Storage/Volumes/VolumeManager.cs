using Cscm.Storage.Erase;
using Cscm.Storage.Pools;
using Cscm.Storage.State;

namespace Cscm.Storage.Volumes;

/// <summary>The face of the volumes: each call goes to the room that knows it.</summary>
internal sealed class VolumeManager(
    Catalog catalog, VolumeCreator creator, VolumeRemover remover, VolumeResizer resizer, Snapshots snapshots, GroupSnapshots groups, Eraser eraser) : IVolumeManager
{
    public IReadOnlyList<PoolInfo> ListPools() =>
    [
        .. catalog.Pools.Select(pool => new PoolInfo(
            pool.Options.Name, pool.Options.Kind, pool.Options.IsDefault, pool.Options.NumaNode, pool is IBlockPool, pool is ISnapshotPool,
            pool.FileSystems, pool.GetCapacity(AccessType.Mount, pool.FileSystems[0]))
        {
            ErasingBytes = eraser.PendingBytes(pool),
        }),
    ];

    public PoolCapacity GetCapacity(string? pool, AccessType access, string? fileSystem)
    {
        IEnumerable<IScmPool> asked = pool is null ? catalog.Pools : [catalog.RequirePool(pool)];
        PoolCapacity[] fitting =
        [
            .. asked.Where(candidate => Serves(candidate, access, fileSystem)).Select(candidate =>
                candidate.GetCapacity(access, string.IsNullOrEmpty(fileSystem) ? candidate.FileSystems[0] : fileSystem)),
        ];
        return fitting.Length == 0 ? default : new PoolCapacity(
            fitting.Sum(capacity => capacity.AvailableBytes),
            fitting.Max(capacity => capacity.MaximumVolumeBytes),
            fitting.Min(capacity => capacity.MinimumVolumeBytes),
            fitting.Sum(capacity => capacity.TotalBytes));
    }

    public Task<VolumeInfo> CreateVolumeAsync(VolumeSpec spec, CancellationToken cancellationToken)
        => ErrorBoundary.RunAsync(() => creator.CreateAsync(spec, cancellationToken));

    public Task DeleteVolumeAsync(string volumeId, CancellationToken cancellationToken) => ErrorBoundary.RunAsync(() =>
    {
        string key = ObjectIds.KeyOf(volumeId);
        using IDisposable hold = catalog.InFlight.Enter(key);
        VolumeRecord? volume = catalog.Volumes.Find(key);
        if (volume is null || volume.Id != volumeId)
            return Task.FromResult(true);
        if (volume.Phase == RecordPhase.Ready)
        {
            if (volume.IsInUse)
            {
                string where = string.Join(", ", volume.Targets.Select(target => target.Path).Prepend(volume.Stage?.Path).OfType<string>());
                throw new StorageException(StorageErrorKind.FailedPrecondition, $"volume {volumeId} is in use at {where}: unpublish and unstage it first");
            }
            catalog.PoolOf(volume).RequireRemovable(key);
            volume = catalog.Write(volume with { Phase = RecordPhase.Deleting });
        }
        remover.Remove(volume);
        return Task.FromResult(true);
    });

    public Task<ExpandResult> ExpandVolumeAsync(string volumeId, SizeRange size, CancellationToken cancellationToken)
        => ErrorBoundary.RunAsync(() => resizer.ExpandAsync(volumeId, size, cancellationToken));

    public Task<VolumeInfo> ModifyVolumeAsync(string volumeId, VolumeSettingsChange change, CancellationToken cancellationToken)
        => ErrorBoundary.RunAsync(() => Task.FromResult(resizer.Modify(volumeId, change)));

    public VolumeInfo GetVolume(string volumeId) => catalog.View(catalog.RequireVolume(volumeId));

    public IReadOnlyList<VolumeInfo> ListVolumes() =>
    [
        .. catalog.Volumes.All.Select(pair => pair.Value).Where(volume => volume.Phase == RecordPhase.Ready)
            .OrderBy(volume => volume.Id, StringComparer.Ordinal).Select(catalog.View),
    ];

    public Task<SnapshotInfo> CreateSnapshotAsync(string name, string sourceVolumeId, CancellationToken cancellationToken)
        => ErrorBoundary.RunAsync(() => snapshots.CreateAsync(name, sourceVolumeId, cancellationToken));

    public Task DeleteSnapshotAsync(string snapshotId, CancellationToken cancellationToken) => ErrorBoundary.RunAsync(() =>
    {
        snapshots.Delete(snapshotId);
        return Task.FromResult(true);
    });

    public SnapshotInfo GetSnapshot(string snapshotId)
    {
        catalog.State.Snapshots.Find(ObjectIds.KeyOf(snapshotId));
        return ListSnapshots().FirstOrDefault(snapshot => snapshot.Id == snapshotId) ?? throw MissingSnapshot(snapshotId);
    }

    public IReadOnlyList<SnapshotInfo> ListSnapshots() =>
    [
        .. Snapshots.AllReady(catalog).Select(snapshot => Snapshots.View(snapshot.Record, snapshot.GroupId))
            .OrderBy(snapshot => snapshot.Id, StringComparer.Ordinal),
    ];

    public Task<GroupSnapshotInfo> CreateGroupSnapshotAsync(string name, IReadOnlyList<string> sourceVolumeIds, CancellationToken cancellationToken)
        => ErrorBoundary.RunAsync(() => groups.CreateAsync(name, sourceVolumeIds, cancellationToken));

    public Task DeleteGroupSnapshotAsync(string groupId, IReadOnlyList<string> snapshotIds, CancellationToken cancellationToken) => ErrorBoundary.RunAsync(() =>
    {
        groups.Delete(groupId, snapshotIds);
        return Task.FromResult(true);
    });

    public GroupSnapshotInfo GetGroupSnapshot(string groupId) => groups.Get(groupId);

    public IEnumerable<BlockExtent> ReadAllocatedExtents(string snapshotId, long startingOffsetBytes)
    {
        SnapshotRecord snapshot = RequireSnapshot(snapshotId, startingOffsetBytes);
        return Snapshots.RequireCopying(catalog, snapshot.Pool, snapshotId).ReadAllocatedExtents(ObjectIds.KeyOf(snapshotId), startingOffsetBytes);
    }

    public IEnumerable<BlockExtent> ReadChangedExtents(string baseSnapshotId, string targetSnapshotId, long startingOffsetBytes)
    {
        SnapshotRecord from = RequireSnapshot(baseSnapshotId, 0), to = RequireSnapshot(targetSnapshotId, startingOffsetBytes);
        if (from.SourceVolumeId != to.SourceVolumeId)
            throw new StorageException(StorageErrorKind.InvalidArgument, $"snapshots {baseSnapshotId} and {targetSnapshotId} are not of one volume, so they have no difference");
        return Snapshots.RequireCopying(catalog, to.Pool, to.Id)
            .ReadChangedExtents(ObjectIds.KeyOf(baseSnapshotId), ObjectIds.KeyOf(targetSnapshotId), startingOffsetBytes);
    }

    public IReadOnlyList<PoolHealth> GetPoolHealth() =>
    [
        .. catalog.Pools.SelectMany(pool => pool.ExaminePool()), .. eraser.Examine(),
        .. DamageOf(catalog.State.Volumes), .. DamageOf(catalog.State.Snapshots), .. DamageOf(catalog.State.Groups),
    ];

    private static bool Serves(IScmPool pool, AccessType access, string? fileSystem)
        => access == AccessType.Block ? pool is IBlockPool : string.IsNullOrEmpty(fileSystem) || pool.FileSystems.Contains(fileSystem);

    private static IEnumerable<PoolHealth> DamageOf<T>(RecordTable<T> table)
        where T : class
        => table.Damaged.Select(damaged => new PoolHealth("", HealthKind.DataLoss, "StateDamaged", table.Describe(damaged)));

    private static StorageException MissingSnapshot(string id) => new(StorageErrorKind.NotFound, $"snapshot {id} does not exist");

    private SnapshotRecord RequireSnapshot(string id, long startingOffsetBytes)
    {
        SnapshotRecord snapshot = Snapshots.Find(catalog, id) ?? throw MissingSnapshot(id);
        return startingOffsetBytes >= 0 && startingOffsetBytes <= snapshot.BackingBytes ? snapshot : throw new StorageException(
            StorageErrorKind.OutOfRange, $"offset {startingOffsetBytes} lies outside snapshot {id} of {snapshot.BackingBytes} bytes");
    }
}
