using System.Collections.Concurrent;
using Cscm.Storage.Erase;
using Cscm.Storage.Linux;
using Cscm.Storage.Pools.Devices;
using Cscm.Storage.Proof;
using Cscm.Storage.State;
using Microsoft.Win32.SafeHandles;

namespace Cscm.Storage.Pools.Xfs;

/// <summary>
/// Volumes as directories of one shared XFS that maps its medium (DAX), bound to where they are wanted. Each is a quota project of its own
/// with hard limits on space and inodes; the sum of all limits never exceeds what the file system has, so no tenant can take what another was
/// promised. Made, grown and deleted by a few system calls. On the medium: <c>content/KEY</c> and <c>trash/KEY~NUMBER~erase|drop</c>.
/// </summary>
internal sealed partial class XfsPool : ISnapshotPool, IErasingPool
{
    private const string FileSystem = "xfs";
    private const string Content = "content", Trash = "trash";

    /// <summary>rwxr-xr-x, of a volume's directory until its consumers change it.</summary>
    private const uint ConsumersMode = 0x1ED, PermissionBits = 0xFFF;

    private const long BytesPerInode = 16384;
    private const long MinimumInodes = 1024;

    /// <summary>One entry of a page table maps so much, if it is contiguous and aligned.</summary>
    private const uint ExtentBytes = (uint)Sizes.StepBytes;

    private readonly XfsMedium _medium;
    private readonly IStepObserver _steps;
    private readonly ProjectIds _projects = new();

    /// <summary>Which directory is whose, as far as it was asked: every call for a volume asks.</summary>
    private readonly ConcurrentDictionary<string, (uint DeviceMajor, uint DeviceMinor, ulong Inode)> _directories = new(StringComparer.Ordinal);
    private readonly Makings _makings;
    private readonly UnsafeShutdowns _unsafeShutdowns;
    private long _lastTrash;

    public XfsPool(PoolOptions options, string directory, string driverId, IStepObserver steps)
    {
        _steps = steps;
        Directory = directory;
        _medium = XfsMedium.Open(options, directory, driverId, steps);
        _unsafeShutdowns = UnsafeShutdowns.Read(Path.Combine(directory, ".unsafe-shutdowns"), _medium.FindRegions());
        _makings = new Makings(Path.Combine(directory, "durable-makings"), () => Files.ReplaceDurably(_medium.PathOf("last-sync"), []));
        Options = options with { NumaNode = options.NumaNode ?? _medium.FindNumaNode() };
        // Limits are promises, and the file system keeps them all: what it has free at a moment says nothing about them.
        Ledger = new Ledger(Math.Min(options.SizeBytes, _medium.UsableBytes), () => long.MaxValue);
        foreach (string path in AllDirectories())
        {
            using SafePath opened = SafePath.Open(path);
            _projects.Adopt(InheritedAttributes.GetProject(opened));
        }
    }

    public PoolOptions Options { get; }

    public string Directory { get; }

    public Ledger Ledger { get; }

    public DaxProof? SharedProof => _medium.Proof.IsDirect ? _medium.Proof : null;

    /// <summary>A directory that no record knows is moved to the trash by the next start, whatever it got to be.</summary>
    public bool NeedsNoIntent => true;

    public long LastMaking => _makings.Last;

    public IReadOnlyList<string> FileSystems { get; } = [FileSystem];

    public SizePlan Plan(AccessType access, string fileSystem, SizeRange size, long minimumBytes, ContentImage? source)
    {
        if (source is not null && size.RequiredBytes == 0)
            size = size with { RequiredBytes = minimumBytes };
        long capacityBytes = Sizes.ChooseCapacity(size, Math.Max(minimumBytes, Sizes.StepBytes));
        return new SizePlan(capacityBytes, BackingFor(capacityBytes));
    }

    public SizePlan PlanGrowth(VolumeRecord volume, long capacityBytes) => new(capacityBytes, Math.Max(volume.BackingBytes, BackingFor(capacityBytes)));

    public PoolCapacity GetCapacity(AccessType access, string fileSystem)
    {
        long freeBytes = Ledger.FreeBytes, largestBytes = Sizes.RoundDown(freeBytes);
        while (largestBytes > 0 && BackingFor(largestBytes) > freeBytes)
            largestBytes -= Sizes.StepBytes;
        return new PoolCapacity(largestBytes, largestBytes, Sizes.StepBytes, Ledger.CapacityBytes);
    }

    public void CheckSettings(VolumeSettings settings)
    {
        if (settings.HugePages is not null)
            throw new StorageException(StorageErrorKind.InvalidArgument, $"pool {Options.Name} is a file system on a device: hugePages is a setting of dram pools");
        if ((settings.Dax ?? DaxPolicy.Required) == DaxPolicy.Required && !_medium.Proof.IsDirect)
        {
            throw new StorageException(
                StorageErrorKind.FailedPrecondition, $"pool {Options.Name} on {_medium.Device} cannot give what dax: required asks for: {_medium.Proof.Reason}, or ask for dax: preferred");
        }
    }

    public Task<long> CreateAsync(VolumeRecord volume, ContentImage? source, CancellationToken cancellationToken)
    {
        string key = ObjectIds.KeyOf(volume.Id);
        if (source is null)
        {
            Make(key, volume.BackingBytes);
            _makings.Add();
        }
        else
        {
            CopyConsistently([(((XfsPool)source.Pool).PathOf(source.Key), key, volume.BackingBytes)], mayBeWritten: volume.FrozenKey is not null, cancellationToken);
            Sync(key);
        }
        Ledger.MarkAllocated(key);
        return Task.FromResult(volume.BackingBytes);
    }

    public void RequireRemovable(string key)
    {
        string? elsewhere = FindBinds(key).FirstOrDefault();
        if (elsewhere is not null)
            throw new StorageException(StorageErrorKind.FailedPrecondition, $"{key} is still mounted at {elsewhere}: unmount it there, then repeat");
    }

    public ErasableItem? Remove(string key, ErasePolicy erase)
    {
        using TreeDirectory content = OpenArea(Content);
        byte[] name = TreeDirectory.NameOf(key);
        if (!content.Exists(name))
            return null;
        RequireRemovable(key);
        ErasableItem item = Describe(PathOf(key), $"{key}~{Interlocked.Increment(ref _lastTrash)}{TimestampSuffix()}~{(erase == ErasePolicy.None ? "drop" : "erase")}");
        using TreeDirectory trash = OpenArea(Trash);
        _directories.TryRemove(key, out _);
        _steps.Reached("xfs.move-to-trash");
        content.Rename(name, trash, TreeDirectory.NameOf(item.Id));
        return item;
    }

    public Task GrowAsync(VolumeRecord volume, ResizeIntent target, CancellationToken cancellationToken)
    {
        Limit(ObjectIds.KeyOf(volume.Id), target.BackingBytes);
        return Task.CompletedTask;
    }

    public void CancelGrowth(VolumeRecord volume) => Limit(ObjectIds.KeyOf(volume.Id), volume.BackingBytes);

    public bool GrowsInOneStep(VolumeRecord volume) => true;

    public void Modify(VolumeRecord volume, VolumeSettings settings)
    {
        // What is to be erased is decided when it is removed.
    }

    public IReadOnlyList<ErasableItem> FindErasable() =>
    [
        .. System.IO.Directory.EnumerateDirectories(_medium.PathOf(Trash)).OrderBy(System.IO.Directory.GetLastWriteTimeUtc)
            .Select(path => Describe(path, Path.GetFileName(path))),
    ];

    public void Erase(ErasableItem item, ErasePace pace)
    {
        using TreeDirectory trash = OpenArea(Trash);
        byte[] name = TreeDirectory.NameOf(item.Id);
        if (!trash.Exists(name))
            return;
        uint project;
        using (SafePath path = SafePath.Open(Path.Combine(_medium.PathOf(Trash), item.Id)))
            project = InheritedAttributes.GetProject(path);
        new TreeEraser(_steps, pace, isZeroing: item.Id.EndsWith("~erase", StringComparison.Ordinal)).Remove(trash, name);
        WaitUntilFreed(project);
        _projects.Release(project);
    }

    /// <summary>What is left for the file system's own bookkeeping inside the volume, and for blocks that are being copied on write.</summary>
    private static long BackingFor(long capacityBytes)
        => capacityBytes > Sizes.LargestBytes ? capacityBytes : capacityBytes + Math.Max(Sizes.StepBytes, Sizes.RoundUp(capacityBytes / 64));

    private static long InodesFor(long backingBytes) => Math.Max(MinimumInodes, backingBytes / BytesPerInode);

    /// <summary>Other than those of earlier processes, whose numbers began at one too.</summary>
    private static string TimestampSuffix() => $".{Environment.ProcessId}.{Environment.TickCount64}";

    private string PathOf(string key) => _medium.PathOf($"{Content}/{key}");

    private TreeDirectory OpenArea(string area)
    {
        _medium.OpenRoot().Dispose();
        using SafePath path = SafePath.Open(_medium.PathOf(area));
        return TreeDirectory.Open(path);
    }

    /// <summary>An empty directory with a project of its own, which comes last: a directory that has one is complete.</summary>
    private void Make(string key, long backingBytes)
    {
        uint project = _projects.Take();
        using (SafePath root = _medium.OpenRoot())
        {
            _steps.Reached("xfs.limit-project");
            ProjectQuota.SetLimits(root, project, backingBytes, InodesFor(backingBytes));
        }
        _steps.Reached("xfs.make-directory");
        using SafePath directory = SafePath.OpenOrCreateDirectory(PathOf(key), ConsumersMode);
        PathStatus status = directory.GetStatus();
        if ((status.Mode & PermissionBits) != ConsumersMode)
            OpenForConsumers(directory);
        _steps.Reached("xfs.assign-project");
        InheritedAttributes.SetForChildren(directory, project, ExtentBytes);
        _directories[key] = IdentityOf(status);
    }

    private static (uint DeviceMajor, uint DeviceMinor, ulong Inode) IdentityOf(PathStatus status) => (status.DeviceMajor, status.DeviceMinor, status.Inode);

    /// <summary>The driver's umask was stricter.</summary>
    private static void OpenForConsumers(SafePath directory)
    {
        using SafeFileHandle handle = directory.Reopen();
        if (NativeMethods.ChangeMode((int)handle.DangerousGetHandle(), ConsumersMode) < 0)
            LinuxException.ThrowLast($"open {directory.Path} for its consumers");
    }

    private void Limit(string key, long backingBytes)
    {
        using SafePath root = _medium.OpenRoot();
        using SafePath directory = SafePath.Open(PathOf(key));
        _steps.Reached("xfs.limit-project");
        ProjectQuota.SetLimits(root, InheritedAttributes.GetProject(directory), backingBytes, InodesFor(backingBytes));
    }

    /// <summary>Syncing a directory makes its making durable, and all that happened to the file system before.</summary>
    private void Sync(string key)
    {
        _steps.Reached("xfs.sync");
        using SafePath path = SafePath.Open(PathOf(key));
        using TreeDirectory directory = TreeDirectory.Open(path);
        directory.Sync();
    }

    /// <summary>The charge that stays: what the object could have used, and so may have.</summary>
    private ErasableItem Describe(string path, string id)
    {
        using SafePath root = _medium.OpenRoot();
        using SafePath directory = SafePath.Open(path);
        long limitBytes = ProjectQuota.Get(root, InheritedAttributes.GetProject(directory)).LimitBytes;
        // What is only unlinked must not wait behind what is zeroed.
        return new ErasableItem(id, limitBytes, id.EndsWith("~drop", StringComparison.Ordinal) ? _medium.Device + " (unlink)" : _medium.Device);
    }

    /// <summary>The kernel gives the blocks of unlinked files back a moment later.</summary>
    private void WaitUntilFreed(uint project)
    {
        const int Tries = 500, WaitMilliseconds = 4;
        using SafePath root = _medium.OpenRoot();
        for (int attempt = 0; attempt < Tries && ProjectQuota.Get(root, project).UsedBytes > 0; attempt++)
            Thread.Sleep(WaitMilliseconds);
    }

    private IEnumerable<string> AllDirectories()
        => System.IO.Directory.EnumerateDirectories(_medium.PathOf(Content)).Concat(System.IO.Directory.EnumerateDirectories(_medium.PathOf(Trash)));
}
