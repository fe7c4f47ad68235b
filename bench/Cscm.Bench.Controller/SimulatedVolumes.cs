using System.Collections.Concurrent;
using Cscm.Storage;
using Cscm.Storage.State;

namespace Cscm.Bench.Controller;

/// <summary>The volumes of a node that is not there: all bookkeeping, no medium. What the node agent over it does is real. Thread-safe.</summary>
internal sealed class SimulatedVolumes(long sizeBytes) : IVolumeManager
{
    private readonly ConcurrentDictionary<string, VolumeInfo> _volumes = new(StringComparer.Ordinal);

    public IReadOnlyList<PoolInfo> ListPools()
        => [new PoolInfo("lvm", PoolKind.Lvm, true, 0, true, true, ["ext4", "xfs"], GetCapacity(null, AccessType.Mount, null))];

    public PoolCapacity GetCapacity(string? pool, AccessType access, string? fileSystem)
    {
        long free = sizeBytes - _volumes.Values.Sum(volume => volume.BackingBytes);
        return new PoolCapacity(free, free, 1 << 20, sizeBytes);
    }

    public Task<VolumeInfo> CreateVolumeAsync(VolumeSpec spec, CancellationToken cancellationToken)
    {
        string id = ObjectIds.Volume(spec.Name);
        return Task.FromResult(_volumes.GetOrAdd(id, _ => new VolumeInfo
        {
            Id = id,
            Name = spec.Name,
            Pool = "lvm",
            PoolKind = PoolKind.Lvm,
            Access = spec.Access,
            FileSystem = spec.FileSystem ?? "ext4",
            CapacityBytes = spec.Size.RequiredBytes,
            BackingBytes = spec.Size.RequiredBytes,
            Settings = spec.Settings,
            CreatedAt = TimeProvider.System.GetUtcNow(),
            NumaNode = 0,
        }));
    }

    public Task DeleteVolumeAsync(string volumeId, CancellationToken cancellationToken)
    {
        _volumes.TryRemove(volumeId, out _);
        return Task.CompletedTask;
    }

    public VolumeInfo GetVolume(string volumeId) => _volumes.TryGetValue(volumeId, out VolumeInfo? volume)
        ? volume
        : throw new StorageException(StorageErrorKind.NotFound, $"volume {volumeId} does not exist");

    public IReadOnlyList<VolumeInfo> ListVolumes() => [.. _volumes.Values];

    public IReadOnlyList<SnapshotInfo> ListSnapshots() => [];

    public IReadOnlyList<PoolHealth> GetPoolHealth() => [];

    public Task<ExpandResult> ExpandVolumeAsync(string volumeId, SizeRange size, CancellationToken cancellationToken) => throw NotSimulated();

    public Task<VolumeInfo> ModifyVolumeAsync(string volumeId, VolumeSettingsChange change, CancellationToken cancellationToken) => throw NotSimulated();

    public Task<SnapshotInfo> CreateSnapshotAsync(string name, string sourceVolumeId, CancellationToken cancellationToken) => throw NotSimulated();

    public Task DeleteSnapshotAsync(string snapshotId, CancellationToken cancellationToken) => throw NotSimulated();

    public SnapshotInfo GetSnapshot(string snapshotId) => throw NotSimulated();

    public Task<GroupSnapshotInfo> CreateGroupSnapshotAsync(string name, IReadOnlyList<string> sourceVolumeIds, CancellationToken cancellationToken) => throw NotSimulated();

    public Task DeleteGroupSnapshotAsync(string groupId, IReadOnlyList<string> snapshotIds, CancellationToken cancellationToken) => throw NotSimulated();

    public GroupSnapshotInfo GetGroupSnapshot(string groupId) => throw NotSimulated();

    public IEnumerable<BlockExtent> ReadAllocatedExtents(string snapshotId, long startingOffsetBytes) => throw NotSimulated();

    public IEnumerable<BlockExtent> ReadChangedExtents(string baseSnapshotId, string targetSnapshotId, long startingOffsetBytes) => throw NotSimulated();

    private static StorageException NotSimulated() => new(StorageErrorKind.Unimplemented, "not simulated");
}
