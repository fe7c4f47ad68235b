using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Mono.Unix.Native;

namespace Cscm.Storage.Linux;

/// <summary>Attributes of one mount (not of the file system): <c>MOUNT_ATTR_*</c> of mount_setattr(2).</summary>
[Flags]
internal enum MountAttribute : ulong
{
    None = 0,
    ReadOnly = 0x1,
    NoSuid = 0x2,
    NoDevices = 0x4,
    NoExec = 0x8,
    NoAtime = 0x10,
    StrictAtime = 0x20,
    NoDirAtime = 0x80,
    NoSymlinkFollow = 0x20_0000,
}

/// <summary>An option of a file system: a flag when <paramref name="Value"/> is null.</summary>
internal readonly record struct FileSystemOption(string Key, string? Value = null);

/// <summary>
/// Mounting by the kernel's file-descriptor API (fsopen, fsmount, open_tree, move_mount): each mount appears at its target complete
/// with all its attributes or not at all, and the target is an open path, never a name that could be swapped.
/// </summary>
internal static class Mounts
{
    private const uint SetFlag = 0, SetString = 1, Create = 6, Reconfigure = 7;
    private const ulong AtimeMask = 0x70;
    private const int UnmountNoFollow = 8;
    private const int UnmountDetach = 2;
    private const int BusyTries = 5;
    private const int BusyWaitMilliseconds = 2;

    /// <summary>Mounts a file system on an open path.</summary>
    public static void MountFileSystem(
        string type, string? source, IReadOnlyList<FileSystemOption> options, MountAttribute attributes, SafePath target)
    {
        using SafeFileHandle mount = CreateDetached(type, source, options, attributes);
        Attach(mount, target, $"mount {type} {source} at {target.Path}");
    }

    /// <summary>A file system mounted nowhere; it lives until the handle and all that was opened through it are closed.</summary>
    public static SafeFileHandle CreateDetached(
        string type, string? source, IReadOnlyList<FileSystemOption> options, MountAttribute attributes)
    {
        string action = $"mount {type} {source}";
        using SafeFileHandle context = Own(NativeMethods.FsOpen(type), action);
        int fd = (int)context.DangerousGetHandle();
        if (source is not null)
            Configure(fd, SetString, "source", source, action);
        Configure(fd, options, action);
        Configure(fd, Create, null, null, action);
        return Own(NativeMethods.FsMount(fd, (ulong)attributes), action);
    }

    /// <summary>Changes a mounted file system's options (tmpfs size, for one).</summary>
    public static void ReconfigureFileSystem(SafePath mountPoint, IReadOnlyList<FileSystemOption> options)
    {
        string action = $"reconfigure the file system at {mountPoint.Path}";
        using SafeFileHandle context = Own(NativeMethods.FsPick(mountPoint.Descriptor), action);
        int fd = (int)context.DangerousGetHandle();
        Configure(fd, options, action);
        Configure(fd, Reconfigure, null, null, action);
    }

    /// <summary>Binds what is at <paramref name="source"/> (that mount alone, nothing below it) to the target.</summary>
    public static void Bind(SafePath source, SafePath target, MountAttribute attributes)
    {
        const uint Clone = 1;
        string action = $"bind {source.Path} to {target.Path}";
        using SafeFileHandle mount = Own(
            NativeMethods.OpenTree(source.Descriptor, Clone | NativeMethods.OCloseOnExec | NativeMethods.AtEmptyPath), action);
        if (attributes != MountAttribute.None)
        {
            // A clone inherits the source's attributes; an access-time mode replaces the inherited one as a whole.
            bool setsAtime = ((ulong)attributes & AtimeMask) != 0;
            var change = new MountAttributes { Set = (ulong)attributes, Clear = setsAtime ? AtimeMask : 0 };
            if (NativeMethods.MountSetAttributes((int)mount.DangerousGetHandle(), change) < 0)
                LinuxException.ThrowLast(action);
        }
        Attach(mount, target, action);
    }

    /// <summary>Unmounts the topmost mount at a path; false if nothing is mounted there or the path does not exist.</summary>
    /// <exception cref="StorageException">FailedPrecondition: a process still uses it.</exception>
    public static bool Unmount(string path, bool detach = false)
    {
        using (SafePath? opened = SafePath.TryOpen(path))
        {
            if (opened is null || !opened.GetStatus().IsMountPoint)
                return false;
        }
        int errno;
        for (int attempt = 0; ; attempt++)
        {
            if (NativeMethods.Unmount2(path, UnmountNoFollow | (detach ? UnmountDetach : 0)) == 0)
                return true;
            errno = Marshal.GetLastPInvokeError();
            // A process being started (mkfs for another volume) holds copies of our descriptors until it executes: a moment's business.
            if (errno != (int)Errno.EBUSY || attempt == BusyTries)
                break;
            Thread.Sleep(BusyWaitMilliseconds << attempt);
        }
        var error = new LinuxException(errno, $"unmount {path}");
        return error.Errno switch
        {
            Errno.EINVAL or Errno.ENOENT => false,
            Errno.EBUSY => throw new StorageException(
                StorageErrorKind.FailedPrecondition, $"{path} is in use: end the processes that have it open (fuser -vm {path} names them), then repeat", error),
            _ => throw error,
        };
    }

    private static void Attach(SafeFileHandle mount, SafePath target, string action)
    {
        if (NativeMethods.MoveMount((int)mount.DangerousGetHandle(), target.Descriptor) < 0)
            LinuxException.ThrowLast(action);
    }

    private static void Configure(int context, IReadOnlyList<FileSystemOption> options, string action)
    {
        foreach (FileSystemOption option in options)
            Configure(context, option.Value is null ? SetFlag : SetString, option.Key, option.Value, action);
    }

    private static void Configure(int context, uint command, string? key, string? value, string action)
    {
        if (NativeMethods.FsConfig(context, command, key, value) >= 0)
            return;
        int errno = Marshal.GetLastPInvokeError();
        throw new LinuxException(errno, action, ReadMessages(context));
    }

    private static SafeFileHandle Own(int fd, string action)
    {
        if (fd < 0)
            LinuxException.ThrowLast(action);
        return new SafeFileHandle(fd, ownsHandle: true);
    }

    /// <summary>What the file system itself says of its refusal; null if it says nothing.</summary>
    private static unsafe string? ReadMessages(int context)
    {
        var messages = new List<string>();
        byte* buffer = stackalloc byte[512];
        for (nint length; messages.Count < 8 && (length = NativeMethods.Read(context, buffer, 512)) > 0;)
            messages.Add(System.Text.Encoding.UTF8.GetString(buffer, (int)length).TrimEnd());
        return messages.Count == 0 ? null : string.Join("; ", messages);
    }
}
