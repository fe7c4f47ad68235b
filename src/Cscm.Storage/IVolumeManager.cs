namespace Cscm.Storage;

/// <summary>
/// Volumes and snapshots on one machine's pools. Every change is idempotent and can be repeated after the process died at any
/// instruction. Thread-safe: calls on different volumes run in parallel; a second call on a volume or snapshot in flight throws
/// <see cref="StorageErrorKind.Aborted"/> at once. All failures are <see cref="StorageException"/>.
/// </summary>
public interface IVolumeManager
{
    public IReadOnlyList<PoolInfo> ListPools();

    /// <summary>Capacity for new volumes of this kind.</summary>
    /// <param name="pool">Null for all pools together.</param>
    /// <param name="access">Pools that cannot serve it count as empty.</param>
    /// <param name="fileSystem">Null for the pool's default.</param>
    /// <exception cref="StorageException">InvalidArgument: no such pool.</exception>
    public PoolCapacity GetCapacity(string? pool, AccessType access, string? fileSystem);

    /// <summary>Creates a volume, or finds it if the name exists and is compatible.</summary>
    /// <exception cref="StorageException">
    /// AlreadyExists: the name is taken by an incompatible volume. OutOfRange: the range fits no volume. ResourceExhausted: no room.
    /// NotFound: the content source does not exist. InvalidArgument: pool, file system or settings that cannot be.
    /// </exception>
    public Task<VolumeInfo> CreateVolumeAsync(VolumeSpec spec, CancellationToken cancellationToken);

    /// <summary>Deletes a volume; one that does not exist is a success.</summary>
    /// <exception cref="StorageException">FailedPrecondition: it is staged or published.</exception>
    public Task DeleteVolumeAsync(string volumeId, CancellationToken cancellationToken);

    /// <summary>Grows a volume, online or offline; one that is large enough is a success.</summary>
    public Task<ExpandResult> ExpandVolumeAsync(string volumeId, SizeRange size, CancellationToken cancellationToken);

    public Task<VolumeInfo> ModifyVolumeAsync(string volumeId, VolumeSettingsChange change, CancellationToken cancellationToken);

    /// <exception cref="StorageException">NotFound.</exception>
    public VolumeInfo GetVolume(string volumeId);

    /// <summary>All volumes, in ordinal order of their ids.</summary>
    public IReadOnlyList<VolumeInfo> ListVolumes();

    public Task<SnapshotInfo> CreateSnapshotAsync(string name, string sourceVolumeId, CancellationToken cancellationToken);

    /// <summary>Deletes a snapshot; one that does not exist is a success.</summary>
    /// <exception cref="StorageException">FailedPrecondition or InvalidArgument: it belongs to a group.</exception>
    public Task DeleteSnapshotAsync(string snapshotId, CancellationToken cancellationToken);

    /// <exception cref="StorageException">NotFound.</exception>
    public SnapshotInfo GetSnapshot(string snapshotId);

    /// <summary>All snapshots, in ordinal order of their ids.</summary>
    public IReadOnlyList<SnapshotInfo> ListSnapshots();

    /// <summary>Snapshots several volumes at one moment: all are frozen before the first is copied.</summary>
    public Task<GroupSnapshotInfo> CreateGroupSnapshotAsync(string name, IReadOnlyList<string> sourceVolumeIds, CancellationToken cancellationToken);

    /// <summary>Deletes a group and its snapshots; one that does not exist is a success.</summary>
    /// <exception cref="StorageException">InvalidArgument: <paramref name="snapshotIds"/> are not the group's.</exception>
    public Task DeleteGroupSnapshotAsync(string groupId, IReadOnlyList<string> snapshotIds, CancellationToken cancellationToken);

    /// <exception cref="StorageException">NotFound.</exception>
    public GroupSnapshotInfo GetGroupSnapshot(string groupId);

    /// <summary>The allocated runs of a snapshot from an offset on, in ascending order.</summary>
    public IEnumerable<BlockExtent> ReadAllocatedExtents(string snapshotId, long startingOffsetBytes);

    /// <summary>The runs in which two snapshots of one volume differ, from an offset on, in ascending order.</summary>
    public IEnumerable<BlockExtent> ReadChangedExtents(string baseSnapshotId, string targetSnapshotId, long startingOffsetBytes);

    public IReadOnlyList<PoolHealth> GetPoolHealth();
}
