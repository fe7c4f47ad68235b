using Cscm.Storage;

namespace Cscm.Csi.Tests.Fakes;

/// <summary>Storage that does nothing, remembers what it was asked to change, and fails on demand.</summary>
internal sealed class FakeStorage : IVolumeManager, IVolumePublisher
{
    public const string VolumeId = "vol-1";
    public const string BlockVolumeId = "vol-2";
    public const string EphemeralId = "csi-ephemeral";
    public const string SnapshotId = "snap-1";
    public const string OtherSnapshotId = "snap-2";
    public const string GroupId = "group-1";

    private readonly List<object> _changes = [];

    /// <summary>The argument of every changing call, in order.</summary>
    public IReadOnlyList<object> Changes => _changes;

    /// <summary>Thrown by every call that would change or look up something.</summary>
    public Exception? Failure { get; set; }

    public Dictionary<string, VolumeInfo> Volumes { get; } = new()
    {
        [VolumeId] = MakeVolume(VolumeId),
        [BlockVolumeId] = MakeVolume(BlockVolumeId) with { Access = AccessType.Block, FileSystem = "" },
        [EphemeralId] = MakeVolume(EphemeralId) with { IsEphemeral = true },
    };

    public Dictionary<string, SnapshotInfo> Snapshots { get; } = new()
    {
        [SnapshotId] = MakeSnapshot(SnapshotId),
        [OtherSnapshotId] = MakeSnapshot(OtherSnapshotId) with { SourceVolumeId = BlockVolumeId },
    };

    /// <summary>Whether the one pool can copy volumes.</summary>
    public bool SupportsSnapshots { get; set; } = true;

    public static VolumeInfo MakeVolume(string id) => new()
    {
        Id = id,
        Name = "name of " + id,
        Pool = "fast",
        PoolKind = PoolKind.File,
        Access = AccessType.Mount,
        FileSystem = "ext4",
        CapacityBytes = 16 << 20,
        BackingBytes = 20 << 20,
        Settings = new VolumeSettings(),
        CreatedAt = DateTimeOffset.UnixEpoch,
    };

    public IReadOnlyList<PoolInfo> ListPools()
        => [new PoolInfo("fast", PoolKind.File, true, null, true, SupportsSnapshots, ["ext4"], GetCapacity(null, AccessType.Mount, null))];

    public PoolCapacity GetCapacity(string? pool, AccessType access, string? fileSystem)
        => Look(new PoolCapacity(1L << 30, 1L << 29, 2 << 20, 1L << 31));

    public Task<VolumeInfo> CreateVolumeAsync(VolumeSpec spec, CancellationToken cancellationToken)
        => Change(spec, MakeVolume("created") with { Source = spec.Source });

    public Task DeleteVolumeAsync(string volumeId, CancellationToken cancellationToken) => Change(volumeId, 0);

    public Task<ExpandResult> ExpandVolumeAsync(string volumeId, SizeRange size, CancellationToken cancellationToken)
        => Change(size, new ExpandResult(size.RequiredBytes, NodeExpansionRequired: true));

    public Task<VolumeInfo> ModifyVolumeAsync(string volumeId, VolumeSettingsChange change, CancellationToken cancellationToken)
        => Change(change, MakeVolume(volumeId));

    public VolumeInfo GetVolume(string volumeId) => Look(Volumes.GetValueOrDefault(volumeId) ?? throw Missing(volumeId));

    public IReadOnlyList<VolumeInfo> ListVolumes() => Look<IReadOnlyList<VolumeInfo>>([.. Volumes.Values.OrderBy(volume => volume.Id, StringComparer.Ordinal)]);

    public Task<SnapshotInfo> CreateSnapshotAsync(string name, string sourceVolumeId, CancellationToken cancellationToken)
        => Change(name, MakeSnapshot("made"));

    public Task DeleteSnapshotAsync(string snapshotId, CancellationToken cancellationToken) => Change(snapshotId, 0);

    public SnapshotInfo GetSnapshot(string snapshotId) => Look(Snapshots.GetValueOrDefault(snapshotId) ?? throw Missing(snapshotId));

    public IReadOnlyList<SnapshotInfo> ListSnapshots() => Look<IReadOnlyList<SnapshotInfo>>([.. Snapshots.Values.OrderBy(snapshot => snapshot.Id, StringComparer.Ordinal)]);

    public Task<GroupSnapshotInfo> CreateGroupSnapshotAsync(string name, IReadOnlyList<string> sourceVolumeIds, CancellationToken cancellationToken)
        => Change(name, MakeGroup());

    public Task DeleteGroupSnapshotAsync(string groupId, IReadOnlyList<string> snapshotIds, CancellationToken cancellationToken) => Change(groupId, 0);

    public GroupSnapshotInfo GetGroupSnapshot(string groupId) => Look(groupId == GroupId ? MakeGroup() : throw Missing(groupId));

    public IEnumerable<BlockExtent> ReadAllocatedExtents(string snapshotId, long startingOffsetBytes)
        => Enumerable.Range(0, 3000).Select(index => new BlockExtent(index * 8192L, 4096)).Where(extent => extent.OffsetBytes >= startingOffsetBytes);

    public IEnumerable<BlockExtent> ReadChangedExtents(string baseSnapshotId, string targetSnapshotId, long startingOffsetBytes)
        => [new BlockExtent(startingOffsetBytes, 4096)];

    public IReadOnlyList<PoolHealth> GetPoolHealth() => [new PoolHealth("fast", HealthKind.Degraded, "BadBlocks", "3 bad blocks: replace the module")];

    public Task StageAsync(StageRequest request, CancellationToken cancellationToken) => Change(request, 0);

    public Task UnstageAsync(string volumeId, string stagingPath, CancellationToken cancellationToken) => Change(stagingPath, 0);

    public Task PublishAsync(PublishRequest request, CancellationToken cancellationToken) => Change(request, 0);

    public Task UnpublishAsync(string volumeId, string targetPath, CancellationToken cancellationToken) => Change(targetPath, 0);

    public ValueTask<VolumeStats> GetStatsAsync(string volumeId, string volumePath, CancellationToken cancellationToken)
        => new(Look(new VolumeStats(100, 40, 60, 10, 4, 6)));

    public Task<ExpandResult> ExpandOnNodeAsync(string volumeId, string volumePath, SizeRange size, CancellationToken cancellationToken)
        => Change(size, new ExpandResult(size.RequiredBytes, NodeExpansionRequired: false));

    public ValueTask<IReadOnlyList<HealthFinding>> GetHealthAsync(string volumeId, string? volumePath, CancellationToken cancellationToken)
        => new(Look<IReadOnlyList<HealthFinding>>([new HealthFinding(HealthKind.DataLoss, "MemoryLost", "the machine was restarted: delete the volume")]));

    private static SnapshotInfo MakeSnapshot(string id) => new()
    {
        Id = id,
        Name = "name of " + id,
        SourceVolumeId = VolumeId,
        Pool = "fast",
        CapacityBytes = 32 << 20,
        CreatedAt = DateTimeOffset.UnixEpoch,
    };

    private static GroupSnapshotInfo MakeGroup() => new()
    {
        Id = GroupId,
        Name = "group",
        CreatedAt = DateTimeOffset.UnixEpoch,
        Snapshots = [MakeSnapshot(SnapshotId) with { GroupId = GroupId }],
    };

    private static StorageException Missing(string id) => new(StorageErrorKind.NotFound, $"{id} does not exist: list what does");

    private T Look<T>(T answer) => Failure is null ? answer : throw Failure;

    private Task<T> Change<T>(object argument, T answer)
    {
        if (Failure is not null)
            throw Failure;
        _changes.Add(argument);
        return Task.FromResult(answer);
    }
}
