using Cscm.Storage.Erase;
using Cscm.Storage.Linux;
using Cscm.Storage.Pools;
using Cscm.Storage.State;

namespace Cscm.Storage.Tests;

/// <summary>A pool that is nothing but its trash; erasing is what a test says it is.</summary>
internal sealed class TrashPool(Action<ErasableItem, ErasePace> erase, long? bytesPerSecond = null) : IErasingPool
{
    public const long SizeBytes = 1L << 30;

    private readonly Lock _lock = new();
    private readonly List<ErasableItem> _trash = [];

    public PoolOptions Options { get; } = new() { Name = "trash", Kind = PoolKind.Xfs, SizeBytes = SizeBytes, EraseBytesPerSecond = bytesPerSecond };

    public Ledger Ledger { get; } = new(SizeBytes, () => long.MaxValue);

    public string Directory => throw new NotSupportedException();

    public IReadOnlyList<string> FileSystems => throw new NotSupportedException();

    public ErasableItem Throw(string id, long sizeBytes, string region = "region0")
    {
        var item = new ErasableItem(id, sizeBytes, region);
        lock (_lock)
            _trash.Add(item);
        return item;
    }

    public IReadOnlyList<ErasableItem> FindErasable()
    {
        lock (_lock)
            return [.. _trash];
    }

    public void Erase(ErasableItem item, ErasePace pace)
    {
        erase(item, pace);
        lock (_lock)
            _trash.Remove(item);
    }

    public SizePlan Plan(AccessType access, string fileSystem, SizeRange size, long minimumBytes, ContentImage? source) => throw new NotSupportedException();

    public SizePlan PlanGrowth(VolumeRecord volume, long capacityBytes) => throw new NotSupportedException();

    public PoolCapacity GetCapacity(AccessType access, string fileSystem) => throw new NotSupportedException();

    public void CheckSettings(VolumeSettings settings) => throw new NotSupportedException();

    public Task<long> CreateAsync(VolumeRecord volume, ContentImage? source, CancellationToken cancellationToken) => throw new NotSupportedException();

    public void RequireRemovable(string key) => throw new NotSupportedException();

    public ErasableItem? Remove(string key, ErasePolicy erase) => throw new NotSupportedException();

    public Task GrowAsync(VolumeRecord volume, ResizeIntent target, CancellationToken cancellationToken) => throw new NotSupportedException();

    public void CancelGrowth(VolumeRecord volume) => throw new NotSupportedException();

    public bool GrowsInOneStep(VolumeRecord volume) => throw new NotSupportedException();

    public void Modify(VolumeRecord volume, VolumeSettings settings) => throw new NotSupportedException();

    public Task<long> PrepareMountAsync(VolumeRecord volume, CancellationToken cancellationToken) => throw new NotSupportedException();

    public void Mount(VolumeRecord volume, SafePath target, MountFlags flags, bool isReadOnly) => throw new NotSupportedException();

    public bool IsMountOf(VolumeRecord volume, PathStatus path) => throw new NotSupportedException();

    public bool GrowsWhenStaged(VolumeRecord volume) => throw new NotSupportedException();

    public void GrowFileSystem(VolumeRecord volume, SafePath mountPoint) => throw new NotSupportedException();

    public IEnumerable<HealthFinding> Examine(VolumeRecord volume) => throw new NotSupportedException();

    public IEnumerable<PoolHealth> ExaminePool() => throw new NotSupportedException();

    public void Restore(VolumeRecord volume) => throw new NotSupportedException();

    public long FindBackingBytes(string key) => throw new NotSupportedException();

    public void RemoveOrphans(Func<string, bool> isKnown, Func<string, bool, bool> isDevicePinned) => throw new NotSupportedException();
}
