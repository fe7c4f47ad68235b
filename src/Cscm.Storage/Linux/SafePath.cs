using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Mono.Unix.Native;

namespace Cscm.Storage.Linux;

internal enum PathKind
{
    Directory,
    File,
    BlockDevice,
    Other,
}

/// <summary>What statx(2) says of an open path.</summary>
internal readonly record struct PathStatus(
    PathKind Kind, bool IsMountPoint, bool IsDax, uint DeviceMajor, uint DeviceMinor, uint SpecialMajor, uint SpecialMinor,
    ulong MountId, ulong Inode, ushort Mode, uint GroupId);

/// <summary>
/// A path resolved without following a symbolic link in any component and held open (O_PATH), so that what was checked is what is
/// used. All acts on target and staging paths go through it.
/// </summary>
internal sealed class SafePath : IDisposable
{
    private readonly SafeFileHandle _handle;

    private SafePath(SafeFileHandle handle, string path)
    {
        _handle = handle;
        Path = path;
    }

    public string Path { get; }

    public int Descriptor => (int)_handle.DangerousGetHandle();

    /// <summary>A path that reaches the open object whatever its name has become; valid while this is not disposed.</summary>
    public string ProcPath => $"/proc/self/fd/{Descriptor}";

    /// <summary>Opens a path; null if it, or a parent, does not exist.</summary>
    /// <exception cref="StorageException">InvalidArgument: a component is a symbolic link, or a parent is not a directory.</exception>
    public static SafePath? TryOpen(string path)
    {
        int fd = NativeMethods.OpenAt2(NativeMethods.AtFdCwd, path, HowTo(NativeMethods.OPath));
        if (fd >= 0)
            return new SafePath(new SafeFileHandle(fd, ownsHandle: true), path);
        int errno = Marshal.GetLastPInvokeError();
        // Of every path that is to be made it is asked first whether it is there: no exception is put together for that.
        if (errno == (int)Errno.ENOENT)
            return null;
        var error = new LinuxException(errno, $"open {path}");
        throw error.Errno switch
        {
            Errno.ELOOP => new StorageException(
                StorageErrorKind.InvalidArgument,
                $"path {path} leads through a symbolic link, which is never followed: name the path that it resolves to", error),
            Errno.ENOTDIR => new StorageException(
                StorageErrorKind.InvalidArgument, $"path {path} leads through something that is not a directory", error),
            Errno.ENAMETOOLONG => new StorageException(
                StorageErrorKind.InvalidArgument, "a path component is longer than 255 bytes, or the path longer than 4095: shorten it", error),
            _ => error,
        };
    }

    /// <exception cref="StorageException">NotFound, or as <see cref="TryOpen"/>.</exception>
    public static SafePath Open(string path) => TryOpen(path)
        ?? throw new StorageException(StorageErrorKind.NotFound, $"path {path} does not exist");

    /// <summary>Opens a directory below an existing parent, making it if it does not exist.</summary>
    /// <returns>The directory (or whatever else is at the path: look at its status).</returns>
    public static SafePath OpenOrCreateDirectory(string path, uint mode)
    {
        using SafePath parent = OpenParent(path, out string name);
        if (NativeMethods.MakeDirectoryAt(parent.Descriptor, name, mode) < 0 && Marshal.GetLastPInvokeError() != (int)Errno.EEXIST)
            LinuxException.ThrowLast($"make directory {path}");
        return Open(path);
    }

    /// <summary>Opens a file below an existing parent, making an empty one if it does not exist.</summary>
    public static SafePath OpenOrCreateFile(string path, uint mode)
    {
        using SafePath parent = OpenParent(path, out string name);
        int flags = NativeMethods.OReadWrite | NativeMethods.OCreate | NativeMethods.OExclusive | NativeMethods.OCloseOnExec;
        int fd = NativeMethods.OpenAt(parent.Descriptor, name, flags, mode);
        if (fd >= 0)
            new SafeFileHandle(fd, ownsHandle: true).Dispose();
        else if (Marshal.GetLastPInvokeError() != (int)Errno.EEXIST)
            LinuxException.ThrowLast($"make file {path}");
        return Open(path);
    }

    /// <summary>Removes an empty directory or a file; false if nothing was there.</summary>
    public static bool Remove(string path, PathKind kind)
    {
        string trimmed = path.TrimEnd('/');
        using SafePath? parent = TryOpen(ParentOf(trimmed));
        if (parent is null)
            return false;
        int flags = kind == PathKind.Directory ? NativeMethods.AtRemoveDir : 0;
        if (NativeMethods.UnlinkAt(parent.Descriptor, trimmed[(trimmed.LastIndexOf('/') + 1)..], flags) == 0)
            return true;
        if (Marshal.GetLastPInvokeError() == (int)Errno.ENOENT)
            return false;
        throw new LinuxException(Marshal.GetLastPInvokeError(), $"remove {path}");
    }

    /// <summary>As <see cref="TryOpen"/>, but null as well if a condition on its status does not hold. What shut down answers no such question: nothing stays open then.</summary>
    public static SafePath? TryOpenIf(string path, Func<PathStatus, bool> condition)
    {
        SafePath? opened = TryOpen(path);
        bool isWanted = false;
        try
        {
            isWanted = opened is not null && condition(opened.GetStatus());
            return isWanted ? opened : null;
        }
        finally
        {
            if (!isWanted)
                opened?.Dispose();
        }
    }

    public unsafe PathStatus GetStatus()
    {
        StatxBuffer buffer;
        if (NativeMethods.Statx(Descriptor, "", NativeMethods.AtEmptyPath, StatxBuffer.BasicStats | StatxBuffer.MountId, &buffer) < 0)
            LinuxException.ThrowLast($"statx {Path}");
        PathKind kind = (buffer.Mode & 0xF000) switch
        {
            0x4000 => PathKind.Directory,
            0x8000 => PathKind.File,
            0x6000 => PathKind.BlockDevice,
            _ => PathKind.Other,
        };
        return new PathStatus(
            kind,
            (buffer.Attributes & StatxBuffer.AttributeMountRoot) != 0,
            (buffer.Attributes & StatxBuffer.AttributeDax) != 0,
            buffer.DeviceMajor, buffer.DeviceMinor, buffer.SpecialMajor, buffer.SpecialMinor,
            buffer.MountIdentity, buffer.Inode, buffer.Mode, buffer.GroupId);
    }

    /// <summary>Whether a directory has no entries. Undefined for anything else.</summary>
    public bool IsEmptyDirectory() => !Directory.EnumerateFileSystemEntries(ProcPath).Any();

    /// <summary>A descriptor of the same object that can be read from and used with ioctl.</summary>
    public SafeFileHandle Reopen(bool writable = false)
    {
        int flags = (writable ? NativeMethods.OReadWrite : NativeMethods.OReadOnly) | NativeMethods.OCloseOnExec;
        int fd = NativeMethods.OpenAt(NativeMethods.AtFdCwd, ProcPath, flags, 0);
        if (fd < 0)
            LinuxException.ThrowLast($"open {Path}");
        return new SafeFileHandle(fd, ownsHandle: true);
    }

    public void Dispose() => _handle.Dispose();

    private static SafePath OpenParent(string path, out string name)
    {
        string trimmed = path.TrimEnd('/');
        name = trimmed[(trimmed.LastIndexOf('/') + 1)..];
        string parent = ParentOf(trimmed);
        return TryOpen(parent) ?? throw new StorageException(
            StorageErrorKind.FailedPrecondition, $"the parent directory {parent} does not exist: the orchestrator must make it first");
    }

    private static string ParentOf(string trimmedPath) => trimmedPath.LastIndexOf('/') switch
    {
        <= 0 => "/",
        int slash => trimmedPath[..slash],
    };

    private static OpenHow HowTo(int flags) => new()
    {
        Flags = (ulong)(flags | NativeMethods.OCloseOnExec),
        Resolve = OpenHow.ResolveNoSymlinks | OpenHow.ResolveNoMagicLinks,
    };
}
