using Cscm.Storage.Linux;
using Cscm.Storage.State;
using Mono.Unix.Native;

namespace Cscm.Storage.Pools.Devices;

/// <summary>Devices at work: mounted, attached, copied.</summary>
internal abstract partial class DevicePool
{
    private static readonly FileSystemOption s_direct = new("dax", "always");

    public async Task<long> PrepareMountAsync(VolumeRecord volume, CancellationToken cancellationToken)
    {
        string device = RequireDevice(KeyOf(volume));
        // XFS grows only mounted. ext4 could too, but needs a capability then that many containers lack.
        if (volume.FileSystem == "ext4" && volume.FileSystemBytes < volume.BackingBytes)
        {
            Steps.Reached("device.grow-file-system");
            await Ext4Format.GrowOfflineAsync(device, cancellationToken);
            return volume.BackingBytes;
        }
        return volume.FileSystemBytes;
    }

    public void Mount(VolumeRecord volume, SafePath target, MountFlags flags, bool isReadOnly)
    {
        string device = RequireDevice(KeyOf(volume));
        bool saysDax = flags.Options.Any(option => option.Key == "dax");
        Steps.Reached("device.mount");
        try
        {
            Mount(volume, device, target, flags, isReadOnly, saysDax ? null : volume.Settings.Dax == DaxPolicy.Never ? new FileSystemOption("dax", "never") : s_direct);
        }
        catch (LinuxException e) when (!saysDax && volume.Settings.Dax == DaxPolicy.Preferred && e.Errno is Errno.EINVAL or Errno.EOPNOTSUPP)
        {
            Mount(volume, device, target, flags, isReadOnly, dax: null);
        }
        catch (LinuxException e) when (e.Errno is Errno.EINVAL or Errno.EOPNOTSUPP)
        {
            string given = string.Join(", ", flags.Options.Select(option => option.Key).Append("dax").Distinct());
            throw new StorageException(
                StorageErrorKind.FailedPrecondition,
                $"the kernel of this node does not mount {volume.Id} from {device} with {given}: remove what it does not know from the mount options, or ask for dax: preferred if the device has no DAX ({e.Message})", e);
        }
    }

    public bool IsMountOf(VolumeRecord volume, PathStatus path)
        => path.IsMountPoint && path.Kind switch
        {
            PathKind.Directory => IsDevice(KeyOf(volume), path.DeviceMajor, path.DeviceMinor),
            PathKind.BlockDevice => IsDevice(KeyOf(volume), path.SpecialMajor, path.SpecialMinor) || _readOnly.IsViewOf(KeyOf(volume), path.SpecialMajor, path.SpecialMinor),
            _ => false,
        };

    public bool GrowsWhenStaged(VolumeRecord volume) => volume.FileSystem == "xfs";

    public void GrowFileSystem(VolumeRecord volume, SafePath mountPoint)
    {
        Steps.Reached("device.grow-mounted");
        if (volume.FileSystem == "xfs")
            FileSystemControl.GrowXfs(mountPoint, DeviceOf(volume.BackingBytes));
        else
            FileSystemControl.GrowExt4(mountPoint, DeviceOf(volume.BackingBytes));
    }

    public string Attach(VolumeRecord volume, bool isReadOnly)
    {
        string key = KeyOf(volume), device = RequireDevice(key);
        if (!isReadOnly)
            return device;
        if (_readOnly.Find(key) is { } view)
            return view;
        Steps.Reached("device.make-read-only");
        return _readOnly.Make(key, device);
    }

    public string? FindDevice(VolumeRecord volume, bool isReadOnly) => isReadOnly ? _readOnly.Find(KeyOf(volume)) : FindDevice(KeyOf(volume));

    public void Detach(VolumeRecord volume, bool isReadOnly)
    {
        string key = KeyOf(volume);
        if (isReadOnly)
        {
            Steps.Reached("device.remove-read-only");
            _readOnly.Remove(key);
        }
        else if (FindDevice(key) is not null)
        {
            RequireRemovable(key);
            Steps.Reached("device.release");
            ReleaseDevice(key);
        }
    }

    public void Copy(string sourceKey, string key, CancellationToken cancellationToken)
    {
        Steps.Reached("device.make-copy");
        string device = AllocateDevice(key, FindBackingBytes(sourceKey));
        Ledger.MarkAllocated(key);
        Steps.Reached("device.copy");
        CopyContent(sourceKey, device, cancellationToken);
    }

    public void Flush(VolumeRecord volume)
    {
        if (FindDevice(KeyOf(volume)) is not { } device)
            return;
        using BlockDevice opened = BlockDevice.OpenToRead(device);
        opened.Flush();
    }

    public IEnumerable<BlockExtent> ReadAllocatedExtents(string key, long startingOffsetBytes)
        => DeviceContents.ReadNonZero(RequireDevice(key), startingOffsetBytes);

    public IEnumerable<BlockExtent> ReadChangedExtents(string baseKey, string targetKey, long startingOffsetBytes)
        => DeviceContents.ReadChanged(RequireDevice(baseKey), RequireDevice(targetKey), startingOffsetBytes);

    /// <summary>Whether a device number is that of a volume's device.</summary>
    protected abstract bool IsDevice(string key, uint major, uint minor);

    private static void Mount(VolumeRecord volume, string device, SafePath target, MountFlags flags, bool isReadOnly, FileSystemOption? dax)
    {
        List<FileSystemOption> options = [.. flags.Options];
        if (dax is { } mode)
            options.Add(mode);
        // A clone has its source's UUID, and XFS refuses to mount the same one twice.
        if (volume.FileSystem == "xfs" && !options.Contains(new FileSystemOption("nouuid")))
            options.Add(new FileSystemOption("nouuid"));
        if (isReadOnly)
            options.Add(new FileSystemOption("ro"));
        Mounts.MountFileSystem(
            volume.FileSystem, device, options, flags.Attributes | (isReadOnly ? MountAttribute.ReadOnly : MountAttribute.None), target);
    }
}
