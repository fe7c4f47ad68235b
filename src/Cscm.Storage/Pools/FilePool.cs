using Cscm.Storage.Erase;
using Cscm.Storage.Linux;
using Cscm.Storage.State;
using Microsoft.Win32.SafeHandles;

namespace Cscm.Storage.Pools;

/// <summary>
/// Volumes as image files, each with all its space allocated when it is made. The file system they are on gives zeros for space that
/// was never written, so a new volume cannot show an old one's bytes. Mounted through loop devices that the kernel detaches by itself;
/// raw block volumes have loop devices that stay, and are found again by the image they show.
/// </summary>
internal sealed partial class FilePool : IBlockPool, ISnapshotPool
{
    private const string Suffix = ".img";

    /// <summary>Left to the file system below, for its own structures and our state.</summary>
    private const long MediumReserveBytes = 64L << 20;

    private const int ReleaseTries = 7;
    private const int ReleaseWaitMilliseconds = 2;

    private readonly IStepObserver _steps;

    public FilePool(PoolOptions options, string directory, IStepObserver steps)
    {
        Options = options;
        Directory = directory;
        _steps = steps;
        FileSystems = options.DefaultFileSystem == "xfs" ? ["xfs", "ext4"] : ["ext4", "xfs"];
        Ledger = new Ledger(options.SizeBytes, MediumFreeBytes);
    }

    public PoolOptions Options { get; }

    public string Directory { get; }

    public Ledger Ledger { get; }

    public IReadOnlyList<string> FileSystems { get; }

    public SizePlan Plan(AccessType access, string fileSystem, SizeRange size, long minimumBytes, ContentImage? source)
    {
        if (source is not null && size.RequiredBytes == 0)
            size = size with { RequiredBytes = minimumBytes };
        if (access == AccessType.Block)
        {
            long blockBytes = Sizes.ChooseCapacity(size, Math.Max(minimumBytes, Sizes.StepBytes));
            return new SizePlan(blockBytes, blockBytes);
        }
        FileSystemFormat format = FileSystemFormat.Of(fileSystem);
        // An image below the file system's minimum does not exist, and one at it offers this much.
        long smallestBytes = Math.Max(Sizes.StepBytes, Sizes.RoundDown(format.UsableBytes(format.MinimumBackingBytes)));
        long capacityBytes = Sizes.ChooseCapacity(size, Math.Max(minimumBytes, smallestBytes));
        long backingBytes = BackingFor(format, capacityBytes);
        return new SizePlan(capacityBytes, source is null ? backingBytes : GrownBacking(fileSystem, ImageOf(source), capacityBytes, backingBytes));
    }

    public SizePlan PlanGrowth(VolumeRecord volume, long capacityBytes)
    {
        if (volume.Access == AccessType.Block)
            return new SizePlan(capacityBytes, capacityBytes);
        long backingBytes = Math.Max(volume.BackingBytes, BackingFor(FileSystemFormat.Of(volume.FileSystem), capacityBytes));
        return new SizePlan(capacityBytes, GrownBacking(volume.FileSystem, ImageOf(volume), capacityBytes, backingBytes));
    }

    public PoolCapacity GetCapacity(AccessType access, string fileSystem)
    {
        long freeBytes = Ledger.FreeBytes;
        if (access == AccessType.Block)
            return new PoolCapacity(Sizes.RoundDown(freeBytes), Sizes.RoundDown(freeBytes), Sizes.StepBytes, Ledger.CapacityBytes);
        FileSystemFormat format = FileSystemFormat.Of(fileSystem);
        long smallestBytes = Math.Max(Sizes.StepBytes, Sizes.RoundDown(format.UsableBytes(format.MinimumBackingBytes)));
        long largestBytes = format.LargestCapacity(freeBytes);
        return new PoolCapacity(largestBytes, largestBytes, smallestBytes, Ledger.CapacityBytes);
    }

    public void CheckSettings(VolumeSettings settings)
    {
        if (settings.Dax == DaxPolicy.Required)
        {
            throw new StorageException(
                StorageErrorKind.FailedPrecondition,
                $"pool {Options.Name} is made of image files, which cannot be mapped directly (DAX): use a pool on storage class memory, or dax: preferred");
        }
        if (settings.HugePages is not null)
            throw new StorageException(StorageErrorKind.InvalidArgument, $"pool {Options.Name} is made of image files: hugePages is a setting of dram pools");
    }

    public async Task<long> CreateAsync(VolumeRecord volume, ContentImage? source, CancellationToken cancellationToken)
    {
        string image = ImageOf(volume);
        await Task.Run(() => MakeImage(image, source is null ? null : ImageOf(source), volume.BackingBytes, cancellationToken), cancellationToken);
        Ledger.MarkAllocated(KeyOf(volume));
        if (volume.Access == AccessType.Mount && source is null)
        {
            FileSystemFormat format = FileSystemFormat.Of(volume.FileSystem);
            _steps.Reached("file.make-file-system");
            await format.MakeAsync(image, volume.BackingBytes, cancellationToken);
            long usableBytes = format.ReadUsableBytes(image);
            if (usableBytes < volume.CapacityBytes)
            {
                throw new StorageException(
                    StorageErrorKind.Internal,
                    $"the new {volume.FileSystem} in {image} offers {usableBytes} bytes of the {volume.CapacityBytes} promised: report this with the version of its mkfs");
            }
        }
        long fileSystemBytes = source is null ? volume.BackingBytes : await PrepareMountAsync(volume, cancellationToken);
        _steps.Reached("file.sync-image");
        Sync(image);
        return fileSystemBytes;
    }

    public void RequireRemovable(string key)
    {
        IReadOnlyList<string> devices = LoopDevice.FindByBackingFile(PathOf(key));
        // A container that is being started holds copies of all mounts for a moment, and the kernel detaches behind the last unmount.
        for (int attempt = 0; devices.Count > 0 && attempt < ReleaseTries; attempt++)
        {
            Thread.Sleep(ReleaseWaitMilliseconds << attempt);
            devices = LoopDevice.FindByBackingFile(PathOf(key));
        }
        if (devices.Count > 0)
        {
            throw new StorageException(
                StorageErrorKind.FailedPrecondition,
                $"{key} is still in use through {string.Join(", ", devices)}: unmount what is mounted from there (findmnt {devices[0]}), then repeat");
        }
    }

    /// <summary>
    /// Nothing is left to erase: the file system below gives zeros for space that was never written through it, to anyone. What the
    /// medium holds below that file system is for its owner to care for, as for any other deleted file.
    /// </summary>
    public ErasableItem? Remove(string key, ErasePolicy erase)
    {
        RequireRemovable(key);
        _steps.Reached("file.remove-image");
        File.Delete(PathOf(key));
        return null;
    }

    public Task GrowAsync(VolumeRecord volume, ResizeIntent target, CancellationToken cancellationToken) => Task.Run(
        () =>
        {
            string image = ImageOf(volume);
            _steps.Reached("file.grow-image");
            using (SafeFileHandle file = File.OpenHandle(image, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite))
            {
                Files.Allocate(file, target.BackingBytes, image);
                RandomAccess.FlushToDisk(file);
            }
            Ledger.MarkAllocated(KeyOf(volume));
            foreach (string device in LoopDevice.FindByBackingFile(image))
            {
                _steps.Reached("file.refresh-device");
                LoopDevice.RefreshCapacity(device);
            }
        },
        cancellationToken);

    public void CancelGrowth(VolumeRecord volume)
    {
        _steps.Reached("file.shrink-image");
        using SafeFileHandle file = File.OpenHandle(ImageOf(volume), FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        RandomAccess.SetLength(file, volume.BackingBytes);
    }

    public bool GrowsInOneStep(VolumeRecord volume) => volume.Access == AccessType.Block;

    public void Modify(VolumeRecord volume, VolumeSettings settings)
    {
        // Nothing of an image follows a setting.
    }

    public IEnumerable<HealthFinding> Examine(VolumeRecord volume)
    {
        var image = new FileInfo(ImageOf(volume));
        if (!image.Exists)
        {
            yield return new HealthFinding(
                HealthKind.DataLoss, "ImageMissing", $"the image {image.FullName} is gone: restore it from a backup, or delete the volume");
        }
        else if (image.Length < volume.BackingBytes && volume.Resize is null)
        {
            yield return new HealthFinding(
                HealthKind.DataLoss, "ImageTruncated", $"the image {image.FullName} has {image.Length} of {volume.BackingBytes} bytes: restore it from a backup, or delete the volume");
        }
    }

    public IEnumerable<PoolHealth> ExaminePool()
    {
        if (!System.IO.Directory.Exists(Directory))
            yield return new PoolHealth(Options.Name, HealthKind.Inaccessible, "DirectoryMissing", $"the pool's directory {Directory} is gone: mount what it is on, then restart the driver");
    }

    public void Restore(VolumeRecord volume)
    {
        // A resize2fs that outlived a killed driver must end before anyone else touches the image.
        if (volume is { FileSystem: "ext4" } && volume.FileSystemBytes < volume.BackingBytes)
            ToolRunner.WaitForOthers(ImageOf(volume));
    }

    public long FindBackingBytes(string key) => new FileInfo(PathOf(key)) is { Exists: true } image ? image.Length : 0;

    public void RemoveOrphans(Func<string, bool> isKnown, Func<string, bool, bool> isDevicePinned)
    {
        foreach ((string device, string backingFile) in LoopDevice.ListAttached())
            RemoveOrphanDevice(device, backingFile, isKnown, isDevicePinned);
        foreach (string image in System.IO.Directory.EnumerateFiles(Directory, "*" + Suffix))
        {
            string key = Path.GetFileName(image)[..^Suffix.Length];
            if (ObjectIds.IsKey(key) && !isKnown(key))
                Remove(key, ErasePolicy.Zero);
        }
    }

    private long MediumFreeBytes()
    {
        try
        {
            return new DriveInfo(Directory).AvailableFreeSpace - MediumReserveBytes;
        }
        catch (IOException)
        {
            // Gone: nothing can be had of it. The pool's health says why.
            return 0;
        }
    }

    private static string KeyOf(VolumeRecord volume) => ObjectIds.KeyOf(volume.Id);

    private string PathOf(string key) => Path.Combine(Directory, key + Suffix);

    private string ImageOf(VolumeRecord volume) => PathOf(KeyOf(volume));

    private static string ImageOf(ContentImage source) => ((FilePool)source.Pool).PathOf(source.Key);

    /// <summary>An XFS that grows keeps the size of its allocation groups, and each group costs a little.</summary>
    private long GrownBacking(string fileSystem, string image, long capacityBytes, long backingBytes)
    {
        if (fileSystem != "xfs" || capacityBytes > Ledger.TotalBytes)
            return backingBytes;
        for (long missingBytes; (missingBytes = capacityBytes - XfsFormat.GrownUsableBytes(image, backingBytes)) > 0;)
            backingBytes += Sizes.RoundUp(missingBytes);
        return backingBytes;
    }

    /// <summary>What is larger than the pool is refused by its ledger; no need to plan it exactly.</summary>
    private long BackingFor(FileSystemFormat format, long capacityBytes)
        => capacityBytes > Ledger.TotalBytes ? capacityBytes : format.BackingFor(capacityBytes);

    private void MakeImage(string image, string? sourceImage, long backingBytes, CancellationToken cancellationToken)
    {
        _steps.Reached("file.allocate-image");
        // Unlinked, not truncated: a tool that outlived a killed driver may still write to the old one.
        File.Delete(image);
        using SafeFileHandle file = File.OpenHandle(image, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.ReadWrite);
        if (sourceImage is not null)
        {
            _steps.Reached("file.copy-image");
            using SafeFileHandle source = OpenToRead(sourceImage);
            Files.CloneOrCopy(source, file, cancellationToken);
        }
        if (backingBytes > 0)
            Files.Allocate(file, backingBytes, image);
    }

    /// <summary>Without read-ahead: pages that it brings in of space that was never written would count as data.</summary>
    private static SafeFileHandle OpenToRead(string image)
        => File.OpenHandle(image, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, FileOptions.RandomAccess);

    private void Sync(string image)
    {
        using (SafeFileHandle file = File.OpenHandle(image, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite))
            RandomAccess.FlushToDisk(file);
        Files.SyncDirectory(Directory);
    }
}
