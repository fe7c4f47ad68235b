using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;
using Mono.Unix.Native;

namespace Cscm.Storage.Linux;

/// <summary>
/// A loop device (loop(4)). With <c>autoclear</c> the kernel detaches it when its last user is gone, so that a device whose
/// driver died between attaching and mounting cannot leak: keep this object open until the mount exists.
/// </summary>
internal sealed class LoopDevice : IDisposable
{
    private const nuint Configure = 0x4C0A, ClearDescriptor = 0x4C01, GetStatus64 = 0x4C05, SetCapacityRequest = 0x4C07, GetFree = 0x4C82;
    private const uint FlagReadOnly = 1, FlagAutoclear = 4, FlagDirectIo = 16;
    private const int AttachTries = 64;

    /// <summary>The most that sysfs shows of an attribute: a page.</summary>
    private const int SysfsAttributeBytes = 4096;

    private readonly SafeFileHandle _handle;

    private LoopDevice(SafeFileHandle handle, int number)
    {
        _handle = handle;
        Path = $"/dev/loop{number}";
    }

    public string Path { get; }

    /// <summary>Attaches a file to a free loop device.</summary>
    /// <exception cref="StorageException">ResourceExhausted: no loop device can be had.</exception>
    public static unsafe LoopDevice Attach(string file, bool isReadOnly, bool isAutoclear)
    {
        using SafeFileHandle control = OpenDevice("/dev/loop-control");
        using SafeFileHandle backing = File.OpenHandle(file, FileMode.Open, isReadOnly ? FileAccess.Read : FileAccess.ReadWrite, FileShare.ReadWrite);
        var configuration = new LoopConfiguration
        {
            BackingDescriptor = (uint)backing.DangerousGetHandle(),
            Flags = (isReadOnly ? FlagReadOnly : 0) | (isAutoclear ? FlagAutoclear : 0) | FlagDirectIo,
        };
        byte[] name = Encoding.UTF8.GetBytes(System.IO.Path.GetFileName(file));
        name.AsSpan(0, Math.Min(name.Length, 63)).CopyTo(new Span<byte>(configuration.FileName, 64));

        for (int attempt = 0; attempt < AttachTries; attempt++)
        {
            int number = NativeMethods.Ioctl((int)control.DangerousGetHandle(), GetFree, 0);
            if (number < 0)
                throw Exhausted(file, Marshal.GetLastPInvokeError());
            SafeFileHandle handle = OpenDevice($"/dev/loop{number}");
            if (NativeMethods.Ioctl((int)handle.DangerousGetHandle(), Configure, &configuration) == 0)
                return new LoopDevice(handle, number);
            int errno = Marshal.GetLastPInvokeError();
            handle.Dispose();
            // Between GET_FREE and CONFIGURE another process may have taken it.
            if (errno is not (int)Errno.EBUSY)
                throw new LinuxException(errno, $"attach {file} to /dev/loop{number}");
        }
        throw Exhausted(file, (int)Errno.EBUSY);
    }

    /// <summary>The loop devices that a file is attached to.</summary>
    public static IReadOnlyList<string> FindByBackingFile(string file)
        => [.. ListAttached().Where(device => IsBackedBy(device.Device, device.BackingFile, file)).Select(device => device.Device)];

    /// <summary>Whether this device is a loop device that the file is attached to. Cheap: it is asked at every call for statistics.</summary>
    public static bool IsAttachedTo(uint major, uint minor, string file)
    {
        string directory = $"/sys/dev/block/{major}:{minor}";
        return TryReadBackingFile(directory) is { } shown
            && (shown == file || IsBackedBy("/dev/" + System.IO.Path.GetFileName(new FileInfo(directory).LinkTarget), shown, file));
    }

    /// <summary>
    /// Whether it is this very file, by file system and inode. The path that is shown is the one by which it was attached, less what
    /// can no longer be reached: after a container's end it begins where the container's mount did.
    /// </summary>
    public static bool IsBackedBy(string device, string shownFile, string file)
    {
        if (System.IO.Path.GetFileName(shownFile) != System.IO.Path.GetFileName(file))
            return false;
        using SafePath? opened = SafePath.TryOpen(file);
        return opened is null ? shownFile == file : ReadBacking(device) is { } backing && backing == IdentityOf(opened.GetStatus());
    }

    /// <summary>All attached loop devices with the paths that the kernel shows of their backing files.</summary>
    public static IReadOnlyList<(string Device, string BackingFile)> ListAttached()
    {
        var devices = new List<(string, string)>();
        foreach (string directory in Directory.EnumerateDirectories("/sys/block", "loop*"))
        {
            if (TryReadBackingFile(directory) is { } shown)
                devices.Add(("/dev/" + System.IO.Path.GetFileName(directory), shown));
        }
        return devices;
    }

    /// <summary>Makes a device show its backing file's new size; one that has been detached meanwhile has none to show.</summary>
    public static void RefreshCapacity(string device)
    {
        using SafeFileHandle handle = OpenDevice(device);
        if (NativeMethods.Ioctl((int)handle.DangerousGetHandle(), SetCapacityRequest, 0) < 0 && Marshal.GetLastPInvokeError() != (int)Errno.ENXIO)
            LinuxException.ThrowLast($"refresh the capacity of {device}");
    }

    /// <summary>Detaches a device, at once or when its last user closes it; one that is not attached is a success.</summary>
    public static void Detach(string device)
    {
        using SafeFileHandle handle = OpenDevice(device);
        if (NativeMethods.Ioctl((int)handle.DangerousGetHandle(), ClearDescriptor, 0) < 0
            && Marshal.GetLastPInvokeError() != (int)Errno.ENXIO)
        {
            LinuxException.ThrowLast($"detach {device}");
        }
    }

    public void Dispose() => _handle.Dispose();

    /// <summary>What the kernel shows of a device's backing file; null when it is none, has none, or is detached while we look.</summary>
    private static unsafe string? TryReadBackingFile(string directory)
    {
        // Open, read, close: what File adds to them (a status, a lock, an exception for every free device) would take longer than they do.
        int fd = NativeMethods.OpenAt(NativeMethods.AtFdCwd, directory + "/loop/backing_file", NativeMethods.OCloseOnExec, 0);
        if (fd < 0)
            return null;
        using var handle = new SafeFileHandle(fd, ownsHandle: true);
        byte* text = stackalloc byte[SysfsAttributeBytes];
        nint length = NativeMethods.Read(fd, text, SysfsAttributeBytes);
        return length <= 0 ? null : Encoding.UTF8.GetString(text, (int)length).TrimEnd('\n');
    }

    /// <returns>Null if nothing is attached, or no longer.</returns>
    private static unsafe (ulong Device, ulong Inode)? ReadBacking(string device)
    {
        int fd = NativeMethods.OpenAt(NativeMethods.AtFdCwd, device, NativeMethods.OCloseOnExec, 0);
        if (fd < 0)
            return null;
        using var handle = new SafeFileHandle(fd, ownsHandle: true);
        LoopStatus status;
        return NativeMethods.Ioctl(fd, GetStatus64, &status) == 0 ? (status.Device, status.Inode) : null;
    }

    /// <summary>The device number as the kernel's huge_encode_dev makes it for user space.</summary>
    private static (ulong Device, ulong Inode) IdentityOf(PathStatus file)
        => ((file.DeviceMinor & 0xFF) | ((ulong)file.DeviceMajor << 8) | ((ulong)(file.DeviceMinor & ~0xFFu) << 12), file.Inode);

    private static SafeFileHandle OpenDevice(string path)
    {
        int fd = NativeMethods.OpenAt(NativeMethods.AtFdCwd, path, NativeMethods.OReadWrite | NativeMethods.OCloseOnExec, 0);
        if (fd < 0)
            LinuxException.ThrowLast($"open {path}");
        return new SafeFileHandle(fd, ownsHandle: true);
    }

    private static StorageException Exhausted(string file, int errno) => new(
        StorageErrorKind.ResourceExhausted, $"no loop device is free for {file}: detach unused ones (losetup -a lists them) or use another pool",
        new LinuxException(errno, "get a free loop device"));

    /// <summary>The fields of <c>struct loop_info64</c> that are read here.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 232)]
    private struct LoopStatus
    {
        [FieldOffset(0)] public ulong Device;
        [FieldOffset(8)] public ulong Inode;
    }

    /// <summary><c>struct loop_config</c> with the fields of its <c>struct loop_info64</c> that are set here.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 304)]
    private unsafe struct LoopConfiguration
    {
        [FieldOffset(0)] public uint BackingDescriptor;
        [FieldOffset(60)] public uint Flags;
        [FieldOffset(64)] public fixed byte FileName[64];
    }
}
