using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Mono.Unix.Native;

namespace Cscm.Storage.Linux;

/// <summary>Controls of a mounted file system, by ioctl on its mount point.</summary>
internal static unsafe class FileSystemControl
{
    private const nuint FreezeRequest = 0xC0045877, ThawRequest = 0xC0045878;
    private const nuint Ext4Resize = 0x40086610;
    private const nuint XfsGeometry = 0x80705864, XfsGrow = 0x4010586E;
    private const nuint XfsGeometry5 = 0x8100587E;
    private const uint XfsFlagReflink = 1 << 20;
    private const nuint BlockDeviceSize = 0x80081272;

    /// <summary>Stops writes and makes the medium consistent; false if it was frozen already.</summary>
    public static bool Freeze(SafePath mountPoint) => Request(mountPoint, FreezeRequest, Errno.EBUSY, "freeze");

    /// <summary>Lets writes go on; false if it was not frozen.</summary>
    public static bool Thaw(SafePath mountPoint) => Request(mountPoint, ThawRequest, Errno.EINVAL, "thaw");

    /// <summary>
    /// Grows a mounted ext4 to a size (in bytes, cut to whole blocks); a smaller or equal one changes nothing. The kernel wants
    /// CAP_SYS_RESOURCE for it, which containers and some machines lack: there the image has to be grown by resize2fs while it is
    /// not mounted, before the next stage. XFS needs no more than CAP_SYS_ADMIN.
    /// </summary>
    /// <exception cref="StorageException">FailedPrecondition: the capability is missing.</exception>
    public static void GrowExt4(SafePath mountPoint, long sizeBytes)
    {
        using SafeFileHandle handle = mountPoint.Reopen();
        if (Syscall.fstatvfs((int)handle.DangerousGetHandle(), out Statvfs status) < 0)
            LinuxException.ThrowLast($"statvfs {mountPoint.Path}");
        ulong blocks = (ulong)sizeBytes / status.f_bsize;
        if (NativeMethods.Ioctl((int)handle.DangerousGetHandle(), Ext4Resize, &blocks) == 0)
            return;
        var error = new LinuxException(Marshal.GetLastPInvokeError(), $"grow the ext4 at {mountPoint.Path} to {sizeBytes} bytes");
        throw error.Errno != Errno.EPERM ? error : new StorageException(
            StorageErrorKind.FailedPrecondition,
            $"growing the ext4 at {mountPoint.Path} while it is mounted needs CAP_SYS_RESOURCE: give the driver that capability, unstage and stage the volume, or use xfs", error);
    }

    /// <summary>Grows a mounted XFS to a size (in bytes, cut to whole blocks); a smaller or equal one changes nothing.</summary>
    public static void GrowXfs(SafePath mountPoint, long sizeBytes)
    {
        using SafeFileHandle handle = mountPoint.Reopen();
        int fd = (int)handle.DangerousGetHandle();
        XfsGeometryV1 geometry;
        if (NativeMethods.Ioctl(fd, XfsGeometry, &geometry) < 0)
            LinuxException.ThrowLast($"read the geometry of the XFS at {mountPoint.Path}");
        var growth = new XfsGrowth { NewBlocks = (ulong)sizeBytes / geometry.BlockSize, MaximumInodePercent = geometry.MaximumInodePercent };
        if (growth.NewBlocks <= geometry.DataBlocks)
            return;
        if (NativeMethods.Ioctl(fd, XfsGrow, &growth) < 0)
            LinuxException.ThrowLast($"grow the XFS at {mountPoint.Path} to {sizeBytes} bytes");
    }

    /// <summary>Writes what is dirty of a whole file system.</summary>
    public static void Sync(SafePath path)
    {
        using SafeFileHandle handle = path.Reopen();
        if (NativeMethods.SyncFileSystem((int)handle.DangerousGetHandle()) < 0)
            LinuxException.ThrowLast($"sync the file system at {path.Path}");
    }

    /// <summary>Whether files of a mounted XFS can share blocks (XFS_IOC_FSGEOMETRY).</summary>
    public static bool HasReflink(SafePath mountPoint)
    {
        using SafeFileHandle handle = mountPoint.Reopen();
        XfsGeometryV5 geometry;
        if (NativeMethods.Ioctl((int)handle.DangerousGetHandle(), XfsGeometry5, &geometry) < 0)
            LinuxException.ThrowLast($"read the geometry of the XFS at {mountPoint.Path}");
        return (geometry.Flags & XfsFlagReflink) != 0;
    }

    /// <summary>Space and inodes of the file system that holds an open path.</summary>
    public static VolumeStats GetStats(SafePath path) => GetStats(path.Descriptor, path.Path);

    public static VolumeStats GetStats(SafeFileHandle handle, string name) => GetStats((int)handle.DangerousGetHandle(), name);

    /// <summary>Whether a file system takes no writes at all (not this mount alone).</summary>
    public static bool IsReadOnly(SafePath path)
    {
        if (Syscall.fstatvfs(path.Descriptor, out Statvfs status) < 0)
            LinuxException.ThrowLast($"statvfs {path.Path}");
        return status.f_flag.HasFlag(MountFlags.ST_RDONLY);
    }

    /// <summary>
    /// Whether a file system has shut down: ext4 may have done so and still answer statx and statvfs as ever. It and XFS refuse every question
    /// for an extended attribute from then on, also for one that no file has. Nothing is written.
    /// </summary>
    public static bool HasShutDown(SafePath path)
    {
        using SafeFileHandle handle = path.Reopen();
        return ExtendedAttributes.ErrorOfReading(handle, "trusted.cscm") == Errno.EIO;
    }

    /// <summary>Size of a block device in bytes.</summary>
    public static long GetDeviceSize(SafePath device)
    {
        using SafeFileHandle handle = device.Reopen();
        long sizeBytes;
        if (NativeMethods.Ioctl((int)handle.DangerousGetHandle(), BlockDeviceSize, &sizeBytes) < 0)
            LinuxException.ThrowLast($"read the size of {device.Path}");
        return sizeBytes;
    }

    /// <summary>Gives the root of a mounted volume to a group: group read, write, execute and the setgid bit.</summary>
    public static void SetGroup(SafePath mountPoint, uint groupId)
    {
        using SafeFileHandle handle = mountPoint.Reopen();
        int fd = (int)handle.DangerousGetHandle();
        if (Syscall.fchown(fd, uint.MaxValue, groupId) < 0)
            LinuxException.ThrowLast($"give {mountPoint.Path} to group {groupId}");
        var mode = (FilePermissions)(mountPoint.GetStatus().Mode & 0xFFF) | FilePermissions.S_IRWXG | FilePermissions.S_ISGID;
        if (Syscall.fchmod(fd, mode) < 0)
            LinuxException.ThrowLast($"make {mountPoint.Path} writable by group {groupId}");
    }

    private static VolumeStats GetStats(int fd, string name)
    {
        if (Syscall.fstatvfs(fd, out Statvfs status) < 0)
            LinuxException.ThrowLast($"statvfs {name}");
        long unit = (long)status.f_frsize;
        return new VolumeStats(
            (long)status.f_blocks * unit, (long)(status.f_blocks - status.f_bfree) * unit, (long)status.f_bavail * unit,
            (long)status.f_files, (long)(status.f_files - status.f_ffree), (long)status.f_favail);
    }

    private static bool Request(SafePath mountPoint, nuint request, Errno alreadySo, string verb)
    {
        using SafeFileHandle handle = mountPoint.Reopen();
        if (NativeMethods.Ioctl((int)handle.DangerousGetHandle(), request, 0) == 0)
            return true;
        if (Marshal.GetLastPInvokeError() == (int)alreadySo)
            return false;
        throw new LinuxException(Marshal.GetLastPInvokeError(), $"{verb} the file system at {mountPoint.Path}");
    }

    /// <summary><c>struct xfs_fsop_geom_v1</c>: the fields that are read here.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 112)]
    private struct XfsGeometryV1
    {
        [FieldOffset(0)] public uint BlockSize;
        [FieldOffset(28)] public uint MaximumInodePercent;
        [FieldOffset(32)] public ulong DataBlocks;
    }

    /// <summary><c>struct xfs_fsop_geom</c>: the field that is read here.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 256)]
    private struct XfsGeometryV5
    {
        [FieldOffset(92)] public uint Flags;
    }

    /// <summary><c>struct xfs_growfs_data</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct XfsGrowth
    {
        public ulong NewBlocks;
        public uint MaximumInodePercent;
        private readonly uint _padding;
    }
}
