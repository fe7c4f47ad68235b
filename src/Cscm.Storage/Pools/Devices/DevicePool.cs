using Cscm.Storage.Erase;
using Cscm.Storage.Linux;
using Cscm.Storage.Regions;
using Cscm.Storage.State;

namespace Cscm.Storage.Pools.Devices;

/// <summary>
/// What pools have in common whose volumes are block devices of their own on storage class memory: file systems made and mounted on
/// them for DAX, raw block volumes, copies, and erasing. How a device comes to be is the heir's business. Space that a device is made
/// of holds whatever was there: a raw block volume is zeroed before anyone sees it, a file system shows nothing that was not written.
/// </summary>
internal abstract partial class DevicePool : IBlockPool, ISnapshotPool, IErasingPool
{
    private const string TrashPrefix = "erase-";
    private const int BusyTries = 20;
    private const int BusyWaitMilliseconds = 100;

    private readonly ReadOnlyView _readOnly;
    private readonly UnsafeShutdowns _unsafeShutdowns;

    protected DevicePool(PoolOptions options, string directory, string mark, IReadOnlyList<Region> regions, IStepObserver steps)
    {
        _unsafeShutdowns = UnsafeShutdowns.Read(Path.Combine(directory, ".unsafe-shutdowns"), regions);
        Options = options;
        Directory = directory;
        Steps = steps;
        _readOnly = new ReadOnlyView(mark);
        FileSystems = options.DefaultFileSystem == "xfs" ? ["xfs", "ext4"] : ["ext4", "xfs"];
        Ledger = new Ledger(options.SizeBytes, () => UsableBackingBytes);
    }

    public PoolOptions Options { get; }

    public string Directory { get; }

    public Ledger Ledger { get; }

    public IReadOnlyList<string> FileSystems { get; }

    protected IStepObserver Steps { get; }

    public SizePlan Plan(AccessType access, string fileSystem, SizeRange size, long minimumBytes, ContentImage? source)
    {
        if (source is not null && size.RequiredBytes == 0)
            size = size with { RequiredBytes = minimumBytes };
        if (access == AccessType.Block)
            return PlanBlock(size, minimumBytes);
        FileSystemFormat format = FormatOf(fileSystem);
        long smallestBytes = Math.Max(Sizes.StepBytes, Sizes.RoundDown(format.UsableBytes(format.MinimumBackingBytes)));
        long capacityBytes = Sizes.ChooseCapacity(size, Math.Max(minimumBytes, smallestBytes));
        long deviceBytes = DeviceFor(format, capacityBytes);
        if (source is not null)
            deviceBytes = GrownDevice(fileSystem, RequireDevice(source.Key), capacityBytes, deviceBytes);
        return new SizePlan(capacityBytes, BackingFor(deviceBytes));
    }

    public virtual SizePlan PlanGrowth(VolumeRecord volume, long capacityBytes)
    {
        if (volume.Access == AccessType.Block)
            return PlanBlock(new SizeRange(capacityBytes, 0), capacityBytes);
        long deviceBytes = DeviceFor(FormatOf(volume.FileSystem), capacityBytes);
        deviceBytes = GrownDevice(volume.FileSystem, RequireDevice(KeyOf(volume)), capacityBytes, deviceBytes);
        return new SizePlan(capacityBytes, Math.Max(volume.BackingBytes, BackingFor(deviceBytes)));
    }

    public PoolCapacity GetCapacity(AccessType access, string fileSystem)
    {
        long freeBytes = DeviceOf(Ledger.FreeBytes), largestBytes = DeviceOf(Math.Min(Ledger.FreeBytes, LargestBackingBytes));
        if (access == AccessType.Block)
            return new PoolCapacity(freeBytes, largestBytes, DeviceOf(BackingFor(Sizes.StepBytes)), Ledger.CapacityBytes);
        FileSystemFormat format = FormatOf(fileSystem);
        long smallestBytes = Math.Max(Sizes.StepBytes, Sizes.RoundDown(format.UsableBytes(format.MinimumBackingBytes)));
        return new PoolCapacity(format.LargestCapacity(freeBytes), format.LargestCapacity(largestBytes), smallestBytes, Ledger.CapacityBytes);
    }

    public virtual void CheckSettings(VolumeSettings settings)
    {
        if (settings.HugePages is not null)
            throw new StorageException(StorageErrorKind.InvalidArgument, $"pool {Options.Name} is on storage class memory: hugePages is a setting of dram pools");
    }

    public async Task<long> CreateAsync(VolumeRecord volume, ContentImage? source, CancellationToken cancellationToken)
    {
        string key = KeyOf(volume);
        string device = await Task.Run(() => MakeDevice(key, volume.BackingBytes, source?.Key, isBlock: volume.Access == AccessType.Block, cancellationToken), cancellationToken);
        if (volume.Access == AccessType.Block)
        {
            ReleaseDevice(key);
            return volume.BackingBytes;
        }
        if (source is not null)
            return await PrepareMountAsync(volume, cancellationToken);
        FileSystemFormat format = FormatOf(volume.FileSystem);
        Steps.Reached("device.make-file-system");
        await format.MakeAsync(device, DeviceOf(volume.BackingBytes), cancellationToken);
        long usableBytes = format.ReadUsableBytes(device);
        return usableBytes >= volume.CapacityBytes ? volume.BackingBytes : throw new StorageException(
            StorageErrorKind.Internal,
            $"the new {volume.FileSystem} on {device} offers {usableBytes} bytes of the {volume.CapacityBytes} promised: report this with the version of its mkfs");
    }

    public void RequireRemovable(string key)
    {
        if (FindDevice(key) is not { } device)
            return;
        // A process that is being started, or just ends, holds a device for a moment.
        for (int attempt = 0; BlockDevice.IsClaimed(device); attempt++)
        {
            if (attempt == BusyTries)
            {
                throw new StorageException(
                    StorageErrorKind.FailedPrecondition,
                    $"{key} is still in use through {device}: unmount what is mounted from there (findmnt {device}), end what has it open (fuser -v {device}), then repeat");
            }
            Thread.Sleep(BusyWaitMilliseconds);
        }
    }

    public ErasableItem? Remove(string key, ErasePolicy erase)
    {
        _readOnly.Remove(key);
        RequireRemovable(key);
        if (FindBackingBytes(key) is 0)
            return null;
        if (erase == ErasePolicy.None)
        {
            Steps.Reached("device.destroy");
            DestroyDevice(key);
            return null;
        }
        string trash = NewTrashName();
        Steps.Reached("device.move-to-trash");
        RenameDevice(key, trash);
        return FindErasable().FirstOrDefault(item => item.Id == trash);
    }

    public async Task GrowAsync(VolumeRecord volume, ResizeIntent target, CancellationToken cancellationToken)
    {
        string key = KeyOf(volume);
        await Task.Run(() => GrowDevice(key, target.BackingBytes, isBlock: volume.Access == AccessType.Block, cancellationToken), cancellationToken);
        Ledger.MarkAllocated(key);
        if (_readOnly.Find(key) is not null)
        {
            Steps.Reached("device.refresh-read-only");
            _readOnly.Refresh(key, RequireDevice(key));
        }
    }

    public void CancelGrowth(VolumeRecord volume)
    {
        // A device grows by one act that either has happened or not.
    }

    public bool GrowsInOneStep(VolumeRecord volume) => volume.Access == AccessType.Block;

    public void Modify(VolumeRecord volume, VolumeSettings settings)
    {
        // Settings take effect when the volume is mounted or removed.
    }

    public IReadOnlyList<ErasableItem> FindErasable()
        => [.. ListDevices().Where(IsTrash).Select(name => new ErasableItem(name, FindBackingBytes(name), RegionOf(name)))];

    public void Erase(ErasableItem item, ErasePace pace)
    {
        if (FindBackingBytes(item.Id) == 0)
            return;
        using (var device = BlockDevice.OpenExclusively(RequireDevice(item.Id)))
        {
            long sizeBytes = device.SizeBytes;
            for (long offset = 0, chunkBytes; offset < sizeBytes; offset += chunkBytes)
            {
                chunkBytes = pace.NextChunk(sizeBytes - offset);
                device.Zero(offset, chunkBytes);
            }
            device.Flush();
        }
        Steps.Reached("device.destroy-erased");
        DestroyDevice(item.Id);
    }

    public void Restore(VolumeRecord volume)
    {
        // A resize2fs that outlived a killed driver must end before anyone else touches the device.
        if (volume is { FileSystem: "ext4" } && volume.FileSystemBytes < volume.BackingBytes && FindDevice(KeyOf(volume)) is { } device)
            ToolRunner.WaitForOthers(device);
    }

    public abstract long FindBackingBytes(string key);

    public abstract IEnumerable<HealthFinding> Examine(VolumeRecord volume);

    public IEnumerable<PoolHealth> ExaminePool() => ExamineMedium().Concat(_unsafeShutdowns.Examine(Options.Name));

    public void RemoveOrphans(Func<string, bool> isKnown, Func<string, bool, bool> isDevicePinned)
    {
        foreach (string key in _readOnly.Keys.Where(key => !isKnown(key) || !isDevicePinned(key, true)))
        {
            Steps.Reached("device.remove-orphan-view");
            _readOnly.Remove(key);
        }
        foreach (string name in ListDevices().Where(name => !IsTrash(name)))
        {
            if (!ObjectIds.IsKey(name))
            {
                if (!IsRemainder(name))
                    continue;
                Steps.Reached("device.destroy-orphan");
                DestroyDevice(name);
            }
            else if (!isKnown(name))
            {
                UnmountOrphan(name);
                // Erased whatever was asked for: nobody knows any more.
                Remove(name, ErasePolicy.Zero);
            }
        }
    }

    /// <summary>What is wrong with the medium now.</summary>
    protected abstract IEnumerable<PoolHealth> ExamineMedium();

    /// <summary>All that volumes to come can be charged.</summary>
    protected abstract long UsableBackingBytes { get; }

    /// <summary>The most that a single volume can be charged.</summary>
    protected abstract long LargestBackingBytes { get; }

    /// <summary>Names of all devices that carry the pool's mark: volumes, trash, and what an interrupted act left.</summary>
    protected abstract IEnumerable<string> ListDevices();

    /// <summary>What a device shows of what the pool is charged for it.</summary>
    protected abstract long DeviceOf(long backingBytes);

    /// <summary>What the pool is charged for a device that shows at least so much.</summary>
    protected abstract long BackingFor(long deviceBytes);

    /// <summary>Makes and activates a device, in the place of what an earlier attempt left.</summary>
    protected abstract string AllocateDevice(string key, long backingBytes);

    /// <summary>The path of a device; activated if it is not.</summary>
    /// <exception cref="StorageException">It does not exist.</exception>
    protected abstract string RequireDevice(string key);

    /// <summary>The path of a device that is active; else null.</summary>
    protected abstract string? FindDevice(string key);

    /// <summary>Deactivates a device, if the medium knows such a thing.</summary>
    protected abstract void ReleaseDevice(string key);

    protected abstract void RenameDevice(string key, string to);

    /// <summary>Gives a device's space back as it is; one that is not there is gone.</summary>
    protected abstract void DestroyDevice(string key);

    /// <summary>Grows a device to a charge. What a block volume gains reads as zeros from the first moment.</summary>
    protected abstract void GrowDevice(string key, long backingBytes, bool isBlock, CancellationToken cancellationToken);

    /// <summary>Whether a device that is neither volume nor trash is of no use any more.</summary>
    protected abstract bool IsRemainder(string name);

    /// <summary>The medium that a device lies on, for erasing and health.</summary>
    protected abstract string RegionOf(string key);

    protected static string KeyOf(VolumeRecord volume) => ObjectIds.KeyOf(volume.Id);

    protected void CopyContent(string sourceKey, string device, CancellationToken cancellationToken)
    {
        using var source = BlockDevice.OpenToRead(RequireDevice(sourceKey));
        using var target = BlockDevice.OpenExclusively(device);
        target.CopyFrom(source, cancellationToken);
    }

    protected static string NewTrashName() => $"{TrashPrefix}{Guid.NewGuid():N}"[..(TrashPrefix.Length + 16)];

    /// <summary>Erases at once what was put into the trash without anyone being told.</summary>
    protected void EraseTrash(string name, CancellationToken cancellationToken)
    {
        if (FindErasable().FirstOrDefault(item => item.Id == name) is { } item)
            Erase(item, new ErasePace(null, TimeProvider.System, cancellationToken));
    }

    /// <summary>Zeroes a device that nobody has yet.</summary>
    protected static void ZeroWhole(string path, CancellationToken cancellationToken)
    {
        using var device = BlockDevice.OpenExclusively(path);
        long sizeBytes = device.SizeBytes;
        for (long offset = 0; offset < sizeBytes; offset += ErasePace.ChunkBytes)
        {
            cancellationToken.ThrowIfCancellationRequested();
            device.Zero(offset, Math.Min(ErasePace.ChunkBytes, sizeBytes - offset));
        }
        device.Flush();
    }

    private static bool IsTrash(string name) => name.StartsWith(TrashPrefix, StringComparison.Ordinal);

    private static FileSystemFormat FormatOf(string fileSystem) => FileSystemFormat.OnDevice(fileSystem);

    /// <summary>What is larger than the pool is refused by its ledger; no need to plan it exactly.</summary>
    private long DeviceFor(FileSystemFormat format, long capacityBytes)
        => capacityBytes > Ledger.TotalBytes ? capacityBytes : format.BackingFor(capacityBytes);

    /// <summary>An XFS that grows keeps the size of its allocation groups, and each group costs a little.</summary>
    private long GrownDevice(string fileSystem, string device, long capacityBytes, long deviceBytes)
    {
        if (fileSystem != "xfs" || capacityBytes > Ledger.TotalBytes)
            return deviceBytes;
        for (long missingBytes; (missingBytes = capacityBytes - XfsFormat.GrownUsableBytes(device, deviceBytes)) > 0;)
            deviceBytes += Sizes.RoundUp(missingBytes);
        return deviceBytes;
    }

    /// <summary>A raw block volume is all of its device, and devices come in steps.</summary>
    private SizePlan PlanBlock(SizeRange size, long minimumBytes)
    {
        long askedBytes = Sizes.ChooseCapacity(size, Math.Max(minimumBytes, Sizes.StepBytes));
        long backingBytes = BackingFor(askedBytes), deviceBytes = DeviceOf(backingBytes);
        if (size.LimitBytes > 0 && deviceBytes > size.LimitBytes)
        {
            throw new StorageException(
                StorageErrorKind.OutOfRange,
                $"the smallest block volume of pool {Options.Name} for required size {size.RequiredBytes} is {deviceBytes} bytes, above the limit {size.LimitBytes}: raise the limit");
        }
        return new SizePlan(deviceBytes, backingBytes);
    }

    private string MakeDevice(string key, long backingBytes, string? sourceKey, bool isBlock, CancellationToken cancellationToken)
    {
        string device = AllocateDevice(key, backingBytes);
        Ledger.MarkAllocated(key);
        if (isBlock)
        {
            Steps.Reached("device.zero");
            ZeroWhole(device, cancellationToken);
        }
        if (sourceKey is not null)
        {
            Steps.Reached("device.copy");
            CopyContent(sourceKey, device, cancellationToken);
        }
        return device;
    }

    /// <summary>Mounts of a volume that no longer exists hold nothing but space.</summary>
    private void UnmountOrphan(string name)
    {
        if (FindDevice(name) is not { } device)
            return;
        string identity = File.ReadAllText($"/sys/class/block/{Path.GetFileName(device)}/dev").Trim();
        foreach (MountEntry mount in MountTable.Read().Where(mount => mount.Device == identity).Reverse())
        {
            Steps.Reached("device.unmount-orphan");
            Mounts.Unmount(mount.MountPoint, detach: true);
        }
    }
}
