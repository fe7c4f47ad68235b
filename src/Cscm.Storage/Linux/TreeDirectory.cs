using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Mono.Unix.Native;

namespace Cscm.Storage.Linux;

/// <summary>An entry of a directory. Names are bytes: what a tenant calls its files need not be text.</summary>
/// <param name="Name">With a NUL at its end.</param>
/// <param name="Inode">Its number.</param>
/// <param name="Type">As in <c>struct linux_dirent64</c>.</param>
internal readonly record struct TreeEntry(byte[] Name, ulong Inode, byte Type)
{
    public const byte Directory = 4, File = 8, Link = 10;
}

/// <summary>
/// A directory of a tree that others may have written, held open. Its entries are reached by name below the open descriptor only,
/// never through a symbolic link and never into another mount, so no tree can lead out of itself.
/// </summary>
internal sealed unsafe partial class TreeDirectory : IDisposable
{
    private const int BufferBytes = 32 << 10;
    private const int HeadBytes = 19;
    private const int ONonBlock = 0x800;
    private const ulong Confined = OpenHow.ResolveNoSymlinks | OpenHow.ResolveNoMagicLinks | 0x8 /* BENEATH */ | 0x1 /* NO_XDEV */;

    private TreeDirectory(SafeFileHandle handle) => Handle = handle;

    public SafeFileHandle Handle { get; }

    private int Descriptor => (int)Handle.DangerousGetHandle();

    public static TreeDirectory Open(SafePath path) => new(path.Reopen());

    public static byte[] NameOf(string name) => System.Text.Encoding.UTF8.GetBytes(name + '\0');

    /// <summary>The entries from where the last batch ended, at least one; none at the end.</summary>
    public IReadOnlyList<TreeEntry> ReadBatch()
    {
        byte[] buffer = new byte[BufferBytes];
        var entries = new List<TreeEntry>();
        fixed (byte* start = buffer)
        {
            while (entries.Count == 0)
            {
                int filled = (int)ReadEntries(Descriptor, start, BufferBytes);
                if (filled < 0)
                    LinuxException.ThrowLast("read a directory");
                if (filled == 0)
                    return entries;
                // struct linux_dirent64: inode, offset, length of the record, type, name.
                for (int at = 0; at < filled; at += *(ushort*)(start + at + 16))
                {
                    ReadOnlySpan<byte> name = MemoryMarshal.CreateReadOnlySpanFromNullTerminated(start + at + HeadBytes);
                    if (!name.SequenceEqual("."u8) && !name.SequenceEqual(".."u8))
                        entries.Add(new TreeEntry([.. name, 0], *(ulong*)(start + at), start[at + 18]));
                }
            }
        }
        return entries;
    }

    public IReadOnlyList<TreeEntry> ReadAll()
    {
        Rewind();
        var all = new List<TreeEntry>();
        for (IReadOnlyList<TreeEntry> batch; (batch = ReadBatch()).Count > 0;)
            all.AddRange(batch);
        return all;
    }

    public void Rewind() => NativeMethods.Seek(Handle, 0, 0);

    /// <exception cref="LinuxException">ENOENT, ENOTDIR (it is something else), ELOOP (a symbolic link), EXDEV (a mount).</exception>
    public TreeDirectory OpenDirectory(byte[] name) => new(Open(name, NativeMethods.OReadOnly | NativeMethods.ODirectory, 0, "open a directory"));

    /// <summary>Opens a file; what is not a regular one is opened without effect.</summary>
    public SafeFileHandle OpenFile(byte[] name, bool isWritable)
        => Open(name, (isWritable ? NativeMethods.OReadWrite : NativeMethods.OReadOnly) | ONonBlock | NativeMethods.ONoFollow, 0, "open a file");

    public SafeFileHandle CreateFile(byte[] name)
        => Open(name, NativeMethods.OReadWrite | NativeMethods.OCreate | NativeMethods.OExclusive, 0x180, "make a file");

    public void MakeDirectory(byte[] name) => Check(MakeDirectoryAt(Descriptor, name, 0x1C0), "make a directory");

    public void MakeNode(byte[] name, uint mode, ulong device) => Check(MakeNodeAt(Descriptor, name, mode, device), "make a special file");

    public void MakeLink(byte[] target, byte[] name) => Check(SymbolicLinkAt(target, Descriptor, name), "make a symbolic link");

    /// <summary>Gives a file another name here.</summary>
    /// <param name="root">A directory that the driver alone writes to.</param>
    /// <param name="path">The file's path below it.</param>
    /// <param name="name">The other name.</param>
    public void MakeHardLink(TreeDirectory root, byte[] path, byte[] name) => Check(LinkAt(root.Descriptor, path, Descriptor, name, 0), "make a hard link");

    public byte[] ReadLink(byte[] name)
    {
        byte[] buffer = new byte[4096];
        nint length = ReadLinkAt(Descriptor, name, buffer, (nuint)buffer.Length - 1);
        if (length < 0)
            LinuxException.ThrowLast("read a symbolic link");
        return buffer[..((int)length + 1)];
    }

    public void Unlink(byte[] name) => Check(UnlinkAt(Descriptor, name, 0), "remove a file");

    public void RemoveDirectory(byte[] name) => Check(UnlinkAt(Descriptor, name, NativeMethods.AtRemoveDir), "remove a directory");

    public void Rename(byte[] name, TreeDirectory to, byte[] newName) => Check(RenameAt(Descriptor, name, to.Descriptor, newName), "rename");

    public bool Exists(byte[] name)
    {
        StatxBuffer buffer;
        if (StatusAt(Descriptor, name, NativeMethods.AtSymlinkNoFollow, StatxBuffer.BasicStats, &buffer) == 0)
            return true;
        return Marshal.GetLastPInvokeError() == (int)Errno.ENOENT ? false : throw new LinuxException(Marshal.GetLastPInvokeError(), "statx a file");
    }

    public FileStatus GetStatus(byte[] name)
    {
        StatxBuffer buffer;
        Check(StatusAt(Descriptor, name, NativeMethods.AtSymlinkNoFollow, StatxBuffer.BasicStats, &buffer), "statx a file");
        return FileStatus.Of(buffer);
    }

    public static FileStatus GetStatus(SafeFileHandle handle)
    {
        StatxBuffer buffer;
        Check(StatusAt((int)handle.DangerousGetHandle(), [0], NativeMethods.AtEmptyPath, StatxBuffer.BasicStats, &buffer), "statx a file");
        return FileStatus.Of(buffer);
    }

    /// <summary>Gives an entry, which may be a symbolic link, owner and times.</summary>
    public void SetOwner(byte[] name, uint user, uint group) => Check(ChangeOwnerAt(Descriptor, name, user, group, NativeMethods.AtSymlinkNoFollow), "change an owner");

    public void SetTimes(byte[] name, in FileStatus like)
    {
        long* times = stackalloc long[4] { like.AccessSeconds, like.AccessNanoseconds, like.ModifySeconds, like.ModifyNanoseconds };
        Check(SetTimesAt(Descriptor, name, times, NativeMethods.AtSymlinkNoFollow), "set the times of a file");
    }

    public void Sync()
    {
        if (NativeMethods.FSync(Descriptor) < 0)
            LinuxException.ThrowLast("sync a directory");
    }

    public void Dispose() => Handle.Dispose();

    private SafeFileHandle Open(byte[] name, int flags, uint mode, string action)
    {
        var how = new OpenHow { Flags = (ulong)(flags | NativeMethods.OCloseOnExec), Mode = mode, Resolve = Confined };
        const long SysOpenAt2 = 437;
        fixed (byte* text = name)
        {
            int fd = (int)OpenConfined(SysOpenAt2, Descriptor, text, &how, sizeof(OpenHow));
            if (fd < 0)
                LinuxException.ThrowLast(action);
            return new SafeFileHandle(fd, ownsHandle: true);
        }
    }

    private static void Check(int result, string action)
    {
        if (result < 0)
            LinuxException.ThrowLast(action);
    }

    private static nint ReadEntries(int directory, byte* buffer, int sizeBytes)
        => (nint)GetEntries(RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 61 : 217, directory, buffer, sizeBytes);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial long GetEntries(long number, nint directory, byte* buffer, nint sizeBytes);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial long OpenConfined(long number, nint directory, byte* name, OpenHow* how, nint sizeBytes);

    [LibraryImport("libc", EntryPoint = "mkdirat", SetLastError = true)]
    private static partial int MakeDirectoryAt(int directory, byte[] name, uint mode);

    [LibraryImport("libc", EntryPoint = "mknodat", SetLastError = true)]
    private static partial int MakeNodeAt(int directory, byte[] name, uint mode, ulong device);

    [LibraryImport("libc", EntryPoint = "symlinkat", SetLastError = true)]
    private static partial int SymbolicLinkAt(byte[] target, int directory, byte[] name);

    [LibraryImport("libc", EntryPoint = "linkat", SetLastError = true)]
    private static partial int LinkAt(int fromDirectory, byte[] from, int directory, byte[] name, int flags);

    [LibraryImport("libc", EntryPoint = "readlinkat", SetLastError = true)]
    private static partial nint ReadLinkAt(int directory, byte[] name, [Out] byte[] buffer, nuint sizeBytes);

    [LibraryImport("libc", EntryPoint = "unlinkat", SetLastError = true)]
    private static partial int UnlinkAt(int directory, byte[] name, int flags);

    [LibraryImport("libc", EntryPoint = "renameat", SetLastError = true)]
    private static partial int RenameAt(int fromDirectory, byte[] from, int directory, byte[] name);

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true)]
    private static partial int StatusAt(int directory, byte[] name, int flags, uint mask, StatxBuffer* buffer);

    [LibraryImport("libc", EntryPoint = "fchownat", SetLastError = true)]
    private static partial int ChangeOwnerAt(int directory, byte[] name, uint user, uint group, int flags);

    [LibraryImport("libc", EntryPoint = "utimensat", SetLastError = true)]
    private static partial int SetTimesAt(int directory, byte[] name, long* times, int flags);
}
