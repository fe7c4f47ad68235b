using Cscm.Storage.Erase;
using Cscm.Storage.Linux;
using Cscm.Storage.State;

namespace Cscm.Storage.Pools;

/// <summary>
/// Volumes as tmpfs mounts of their own, made when the volume is created and bound to where it is wanted. They outlive pods and the
/// driver, not the machine: a volume whose tmpfs is gone comes back empty and says so. Pages are charged to the pod that first
/// touches them; the pool's size, which the operator sets, bounds the sum.
/// </summary>
internal sealed class DramPool : IScmPool
{
    /// <summary>One inode for so many bytes: inodes cost kernel memory beside the volume's size.</summary>
    private const long BytesPerInode = 16384;
    private const long MinimumInodes = 1024;
    private const string FileSystem = "tmpfs";

    /// <summary>
    /// What consumers see, in the tmpfs. Not its root: of a mount whose device and root are mounted elsewhere too, the kubelet believes
    /// that someone else uses it, and never unstages it.
    /// </summary>
    private const string ContentName = "content";

    private static readonly bool s_hasHugePages = System.IO.Directory.Exists("/sys/kernel/mm/transparent_hugepage");

    private readonly string _sourceName;
    private readonly IStepObserver _steps;

    public DramPool(PoolOptions options, string directory, IStepObserver steps)
    {
        Options = options;
        Directory = directory;
        _sourceName = "cscm-" + options.Name;
        _steps = steps;
        Ledger = new Ledger(options.SizeBytes, () => long.MaxValue);
    }

    public PoolOptions Options { get; }

    public string Directory { get; }

    public Ledger Ledger { get; }

    public IReadOnlyList<string> FileSystems { get; } = [FileSystem];

    public SizePlan Plan(AccessType access, string fileSystem, SizeRange size, long minimumBytes, ContentImage? source)
    {
        long capacityBytes = Sizes.ChooseCapacity(size, Sizes.StepBytes);
        return new SizePlan(capacityBytes, capacityBytes);
    }

    public SizePlan PlanGrowth(VolumeRecord volume, long capacityBytes) => new(capacityBytes, capacityBytes);

    public PoolCapacity GetCapacity(AccessType access, string fileSystem)
    {
        long freeBytes = Sizes.RoundDown(Ledger.FreeBytes);
        return new PoolCapacity(freeBytes, freeBytes, Sizes.StepBytes, Ledger.CapacityBytes);
    }

    public void CheckSettings(VolumeSettings settings)
    {
        if (settings.Dax == DaxPolicy.Required)
        {
            throw new StorageException(
                StorageErrorKind.FailedPrecondition,
                $"pool {Options.Name} is ordinary memory, where MAP_SYNC does not exist: use a pool on storage class memory, or dax: preferred");
        }
        if (settings.HugePages is not (null or HugePages.Never) && !s_hasHugePages)
            throw new StorageException(StorageErrorKind.FailedPrecondition, $"the kernel of this node has no transparent huge pages: leave hugePages out, or set it to never");
    }

    public Task<long> CreateAsync(VolumeRecord volume, ContentImage? source, CancellationToken cancellationToken)
    {
        string key = ObjectIds.KeyOf(volume.Id);
        if (IsMounted(PathOf(key)))
            Remove(key, ErasePolicy.Zero);
        MountFresh(volume);
        Ledger.MarkAllocated(key);
        return Task.FromResult(volume.BackingBytes);
    }

    public void RequireRemovable(string key)
    {
        // Mounts that others made of it keep their memory until they are unmounted, and nothing else waits for that.
    }

    /// <summary>Nothing is left to erase: the kernel clears a page before it gives it to anyone.</summary>
    public ErasableItem? Remove(string key, ErasePolicy erase)
    {
        string path = PathOf(key);
        while (IsMounted(path))
        {
            _steps.Reached("dram.unmount");
            Mounts.Unmount(path);
        }
        _steps.Reached("dram.remove-directory");
        SafePath.Remove(path, PathKind.Directory);
        return null;
    }

    public Task GrowAsync(VolumeRecord volume, ResizeIntent target, CancellationToken cancellationToken)
    {
        using SafePath mount = OpenMount(volume);
        _steps.Reached("dram.resize");
        Mounts.ReconfigureFileSystem(mount, SizeOptions(target.BackingBytes));
        return Task.CompletedTask;
    }

    public void CancelGrowth(VolumeRecord volume)
    {
        // Raising a tmpfs' bound takes nothing.
    }

    public bool GrowsInOneStep(VolumeRecord volume) => true;

    public void Modify(VolumeRecord volume, VolumeSettings settings)
    {
        using SafePath mount = OpenMount(volume);
        _steps.Reached("dram.set-huge-pages");
        Mounts.ReconfigureFileSystem(mount, [.. HugeOption(settings)]);
    }

    public Task<long> PrepareMountAsync(VolumeRecord volume, CancellationToken cancellationToken) => Task.FromResult(volume.FileSystemBytes);

    public void Mount(VolumeRecord volume, SafePath target, MountFlags flags, bool isReadOnly)
    {
        OpenMount(volume).Dispose();
        using SafePath content = OpenContent(ObjectIds.KeyOf(volume.Id));
        _steps.Reached("dram.bind");
        Mounts.Bind(content, target, flags.Attributes | (isReadOnly ? MountAttribute.ReadOnly : MountAttribute.None));
    }

    public bool IsMountOf(VolumeRecord volume, PathStatus path)
    {
        using SafePath? mount = SafePath.TryOpen(PathOf(ObjectIds.KeyOf(volume.Id)));
        if (!path.IsMountPoint || mount is null)
            return false;
        PathStatus own = mount.GetStatus();
        return own.IsMountPoint && (own.DeviceMajor, own.DeviceMinor) == (path.DeviceMajor, path.DeviceMinor);
    }

    public bool GrowsWhenStaged(VolumeRecord volume) => false;

    public void GrowFileSystem(VolumeRecord volume, SafePath mountPoint)
    {
        // A tmpfs has grown when its pool let it grow.
    }

    public IEnumerable<HealthFinding> Examine(VolumeRecord volume)
    {
        if (volume.IsContentLost)
        {
            yield return new HealthFinding(
                HealthKind.DataLoss, "MemoryLost", $"dram volumes do not outlive the node's reboot, and there was one since {volume.Id} was created: delete the volume and create a new one");
        }
        else if (volume.Phase == RecordPhase.Ready && !IsMounted(PathOf(ObjectIds.KeyOf(volume.Id))))
        {
            yield return new HealthFinding(
                HealthKind.DataLoss, "MemoryUnmounted", $"the tmpfs of {volume.Id} was unmounted by someone else: delete the volume and create a new one");
        }
    }

    public IEnumerable<PoolHealth> ExaminePool() => [];

    public void Restore(VolumeRecord volume)
    {
        if (IsMounted(PathOf(ObjectIds.KeyOf(volume.Id))))
        {
            // A change of settings may have been recorded and not applied.
            Modify(volume, volume.Settings);
        }
        else
        {
            MountFresh(volume);
        }
    }

    public long FindBackingBytes(string key)
    {
        if (!IsMounted(PathOf(key)))
            return 0;
        using SafePath mount = SafePath.Open(PathOf(key));
        return FileSystemControl.GetStats(mount).TotalBytes;
    }

    public void RemoveOrphans(Func<string, bool> isKnown, Func<string, bool, bool> isDevicePinned)
    {
        IReadOnlyList<MountEntry> mounts = MountTable.Read();
        foreach (string path in System.IO.Directory.EnumerateDirectories(Directory))
        {
            string key = Path.GetFileName(path);
            if (!ObjectIds.IsKey(key) || isKnown(key))
                continue;
            string? device = mounts.LastOrDefault(mount => mount.MountPoint == path)?.Device;
            foreach (MountEntry mount in mounts.Where(mount => mount.Device == device && mount.MountPoint != path).Reverse())
            {
                _steps.Reached("dram.unmount-orphan");
                Mounts.Unmount(mount.MountPoint, detach: true);
            }
            Remove(key, ErasePolicy.Zero);
        }
    }

    private static bool IsMounted(string path)
    {
        using SafePath? opened = SafePath.TryOpen(path);
        return opened?.GetStatus().IsMountPoint ?? false;
    }

    private static List<FileSystemOption> SizeOptions(long sizeBytes) =>
    [
        new FileSystemOption("size", $"{sizeBytes}"),
        new FileSystemOption("nr_inodes", $"{Math.Max(MinimumInodes, sizeBytes / BytesPerInode)}"),
    ];

    private string PathOf(string key) => Path.Combine(Directory, key);

    private SafePath OpenMount(VolumeRecord volume)
    {
        SafePath path = SafePath.TryOpen(PathOf(ObjectIds.KeyOf(volume.Id))) ?? throw Lost(volume);
        if (path.GetStatus().IsMountPoint)
            return path;
        path.Dispose();
        throw Lost(volume);
    }

    private static StorageException Lost(VolumeRecord volume) => new(
        StorageErrorKind.DataLoss, $"the tmpfs of volume {volume.Id} was unmounted by someone else: restart the driver to get it back empty, or delete the volume");

    private void MountFresh(VolumeRecord volume)
    {
        string key = ObjectIds.KeyOf(volume.Id);
        List<FileSystemOption> options = [.. SizeOptions(volume.BackingBytes), new FileSystemOption("mode", "0755"), .. HugeOption(volume.Settings)];
        if (Options.NumaNode is { } node)
            options.Add(new FileSystemOption("mpol", $"bind:{node}"));
        _steps.Reached("dram.make-directory");
        using SafePath directory = SafePath.OpenOrCreateDirectory(PathOf(key), 0x1C0);
        _steps.Reached("dram.mount");
        Mounts.MountFileSystem(FileSystem, _sourceName, options, MountAttribute.None, directory);
        _steps.Reached("dram.make-content");
        OpenContent(key).Dispose();
    }

    private SafePath OpenContent(string key) => SafePath.OpenOrCreateDirectory(Path.Combine(PathOf(key), ContentName), 0x1ED);

    private IEnumerable<FileSystemOption> HugeOption(VolumeSettings settings)
    {
        if (s_hasHugePages)
        {
            string value = (settings.HugePages ?? Options.HugePages) switch
            {
                HugePages.Always => "always",
                HugePages.WithinSize => "within_size",
                HugePages.Advise => "advise",
                _ => "never",
            };
            yield return new FileSystemOption("huge", value);
        }
    }
}
