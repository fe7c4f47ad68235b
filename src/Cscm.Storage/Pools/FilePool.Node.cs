using Cscm.Storage.Linux;
using Cscm.Storage.State;
using Microsoft.Win32.SafeHandles;
using Mono.Unix.Native;

namespace Cscm.Storage.Pools;

/// <summary>Image files at work: mounted, attached, copied.</summary>
internal sealed partial class FilePool
{
    public async Task<long> PrepareMountAsync(VolumeRecord volume, CancellationToken cancellationToken)
    {
        // XFS grows only mounted. ext4 could too, but needs a capability then that many containers lack.
        if (volume.FileSystem == "ext4" && volume.FileSystemBytes < volume.BackingBytes)
        {
            _steps.Reached("file.grow-file-system");
            await Ext4Format.GrowOfflineAsync(ImageOf(volume), cancellationToken);
            return volume.BackingBytes;
        }
        return volume.FileSystemBytes;
    }

    public void Mount(VolumeRecord volume, SafePath target, MountFlags flags, bool isReadOnly)
    {
        List<FileSystemOption> options = [.. flags.Options];
        // A clone has its source's UUID, and XFS refuses to mount the same one twice.
        if (volume.FileSystem == "xfs" && !options.Contains(new FileSystemOption("nouuid")))
            options.Add(new FileSystemOption("nouuid"));
        if (isReadOnly)
            options.Add(new FileSystemOption("ro"));
        _steps.Reached("file.attach-and-mount");
        using LoopDevice device = LoopDevice.Attach(ImageOf(volume), isReadOnly: false, isAutoclear: true);
        try
        {
            Mounts.MountFileSystem(
                volume.FileSystem, device.Path, options, flags.Attributes | (isReadOnly ? MountAttribute.ReadOnly : MountAttribute.None), target);
        }
        catch (LinuxException e) when (flags.Options.Count > 0 && e.Errno is Errno.EINVAL or Errno.EOPNOTSUPP)
        {
            string given = string.Join(", ", flags.Options.Select(option => option.Key));
            throw new StorageException(
                StorageErrorKind.FailedPrecondition, $"the kernel of this node does not mount {volume.Id} with {given}: remove what it does not know from the mount options ({e.Message})", e);
        }
    }

    public bool IsMountOf(VolumeRecord volume, PathStatus path)
        => path.IsMountPoint && path.Kind switch
        {
            PathKind.Directory => IsLoopOf(volume, path.DeviceMajor, path.DeviceMinor),
            PathKind.BlockDevice => IsLoopOf(volume, path.SpecialMajor, path.SpecialMinor),
            _ => false,
        };

    public bool GrowsWhenStaged(VolumeRecord volume) => volume.FileSystem == "xfs";

    public void GrowFileSystem(VolumeRecord volume, SafePath mountPoint)
    {
        foreach (string device in LoopDevice.FindByBackingFile(ImageOf(volume)))
        {
            _steps.Reached("file.refresh-device");
            LoopDevice.RefreshCapacity(device);
        }
        _steps.Reached("file.grow-mounted");
        if (volume.FileSystem == "xfs")
            FileSystemControl.GrowXfs(mountPoint, volume.BackingBytes);
        else
            FileSystemControl.GrowExt4(mountPoint, volume.BackingBytes);
    }

    public string Attach(VolumeRecord volume, bool isReadOnly)
    {
        if (FindDevice(volume, isReadOnly) is { } found)
            return found;
        _steps.Reached("file.attach-device");
        using LoopDevice device = LoopDevice.Attach(ImageOf(volume), isReadOnly, isAutoclear: false);
        return device.Path;
    }

    public string? FindDevice(VolumeRecord volume, bool isReadOnly)
        => LoopDevice.FindByBackingFile(ImageOf(volume)).FirstOrDefault(device => IsReadOnly(device) == isReadOnly);

    public void Detach(VolumeRecord volume, bool isReadOnly)
    {
        if (FindDevice(volume, isReadOnly) is not { } device)
            return;
        _steps.Reached("file.detach-device");
        LoopDevice.Detach(device);
    }

    public void Copy(string sourceKey, string key, CancellationToken cancellationToken)
    {
        MakeImage(PathOf(key), PathOf(sourceKey), backingBytes: 0, cancellationToken);
        _steps.Reached("file.sync-image");
        Sync(PathOf(key));
        Ledger.MarkAllocated(key);
    }

    public void Flush(VolumeRecord volume)
    {
        if (FindDevice(volume, isReadOnly: false) is not { } device)
            return;
        using SafeFileHandle handle = File.OpenHandle(device, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        RandomAccess.FlushToDisk(handle);
    }

    public IEnumerable<BlockExtent> ReadAllocatedExtents(string key, long startingOffsetBytes)
    {
        using SafeFileHandle file = OpenImage(key);
        foreach (BlockExtent extent in Files.ReadDataExtents(file, startingOffsetBytes))
            yield return extent;
    }

    public IEnumerable<BlockExtent> ReadChangedExtents(string baseKey, string targetKey, long startingOffsetBytes)
    {
        using SafeFileHandle from = OpenImage(baseKey);
        using SafeFileHandle to = OpenImage(targetKey);
        foreach (BlockExtent extent in ImageComparer.Compare(from, to, startingOffsetBytes))
            yield return extent;
    }

    private static bool IsReadOnly(string device)
        => File.ReadAllText($"/sys/block/{Path.GetFileName(device)}/ro").StartsWith('1');

    private bool IsLoopOf(VolumeRecord volume, uint major, uint minor) => LoopDevice.IsAttachedTo(major, minor, ImageOf(volume));

    private SafeFileHandle OpenImage(string key) => OpenToRead(PathOf(key));

    private void RemoveOrphanDevice(string device, string backingFile, Func<string, bool> isKnown, Func<string, bool, bool> isDevicePinned)
    {
        const string Deleted = " (deleted)";
        string image = backingFile.EndsWith(Deleted, StringComparison.Ordinal) ? backingFile[..^Deleted.Length] : backingFile;
        if (!image.EndsWith(Suffix, StringComparison.Ordinal))
            return;
        if (Path.GetDirectoryName(image) != Directory && !LoopDevice.IsBackedBy(device, image, Path.Combine(Directory, Path.GetFileName(image))))
            return;
        string key = Path.GetFileName(image)[..^Suffix.Length];
        if (!ObjectIds.IsKey(key))
            return;
        bool isOrphan = !isKnown(key);
        // Mounts of a volume that no longer exists hold nothing but space. Mounts of one that does may be someone else's.
        string identity = File.ReadAllText($"/sys/block/{Path.GetFileName(device)}/dev").Trim();
        foreach (MountEntry mount in isOrphan ? MountTable.Read().Where(mount => mount.Device == identity).Reverse() : [])
        {
            _steps.Reached("file.unmount-orphan");
            Mounts.Unmount(mount.MountPoint, detach: true);
        }
        if (isOrphan || !(isDevicePinned(key, IsReadOnly(device)) || IsAutoclear(device)))
        {
            _steps.Reached("file.detach-orphan");
            LoopDevice.Detach(device);
        }
    }

    private static bool IsAutoclear(string device)
        => File.ReadAllText($"/sys/block/{Path.GetFileName(device)}/loop/autoclear").StartsWith('1');
}
