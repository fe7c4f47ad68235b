using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Cscm.Storage.Linux;

/// <summary>
/// The system calls, as thin as they can be. Calls that older C libraries do not wrap (glibc before 2.36) go through
/// <c>syscall(2)</c>; their numbers are the same on x86-64 and arm64.
/// </summary>
internal static unsafe partial class NativeMethods
{
    public const int AtFdCwd = -100;
    public const int AtRemoveDir = 0x200;
    public const int AtSymlinkNoFollow = 0x100;
    public const int AtEmptyPath = 0x1000;

    public const int OReadOnly = 0;
    public const int OWriteOnly = 1;
    public const int OReadWrite = 2;
    public const int OCreate = 0x40;
    public const int OExclusive = 0x80;
    public const int OTruncate = 0x200;
    public const int OCloseOnExec = 0x80000;
    public const int OPath = 0x200000;

    // O_DIRECTORY and O_NOFOLLOW differ between the two architectures.
    public static int ODirectory { get; } = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 0x4000 : 0x10000;
    public static int ONoFollow { get; } = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 0x8000 : 0x20000;

    private const long SysOpenTree = 428;
    private const long SysMoveMount = 429;
    private const long SysFsOpen = 430;
    private const long SysFsConfig = 431;
    private const long SysFsMount = 432;
    private const long SysFsPick = 433;
    private const long SysOpenAt2 = 437;
    private const long SysMountSetAttr = 442;

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial long Syscall(long number, nint a, nint b, nint c, nint d, nint e);

    [LibraryImport("libc", EntryPoint = "openat", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int OpenAt(int directory, string path, int flags, uint mode);

    [LibraryImport("libc", EntryPoint = "mkdirat", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int MakeDirectoryAt(int directory, string path, uint mode);

    [LibraryImport("libc", EntryPoint = "rename", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int Rename(string from, string to);

    [LibraryImport("libc", EntryPoint = "unlinkat", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int UnlinkAt(int directory, string path, int flags);

    [LibraryImport("libc", EntryPoint = "umount2", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int Unmount2(string path, int flags);

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int Statx(int directory, string path, int flags, uint mask, StatxBuffer* buffer);

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    public static partial int Ioctl(int fd, nuint request, nint argument);

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    public static partial int Ioctl(int fd, nuint request, void* argument);

    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    public static partial nint Read(int fd, byte* buffer, nint count);

    [LibraryImport("libc", EntryPoint = "pwrite64", SetLastError = true)]
    public static partial nint WriteAt(int fd, byte* buffer, nint count, long offset);

    [LibraryImport("libc", EntryPoint = "fallocate", SetLastError = true)]
    public static partial int Fallocate(SafeFileHandle file, int mode, long offset, long length);

    [LibraryImport("libc", EntryPoint = "lseek", SetLastError = true)]
    public static partial long Seek(SafeFileHandle file, long offset, int whence);

    [LibraryImport("libc", EntryPoint = "copy_file_range", SetLastError = true)]
    public static partial nint CopyFileRange(SafeFileHandle source, long* sourceOffset, SafeFileHandle target, long* targetOffset, nuint length, uint flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    public static partial int FSync(int fd);

    [LibraryImport("libc", EntryPoint = "fchmod", SetLastError = true)]
    public static partial int ChangeMode(int fd, uint mode);

    [LibraryImport("libc", EntryPoint = "fchown", SetLastError = true)]
    public static partial int ChangeOwner(int fd, uint user, uint group);

    [LibraryImport("libc", EntryPoint = "syncfs", SetLastError = true)]
    public static partial int SyncFileSystem(int fd);

    public static int OpenAt2(int directory, string path, OpenHow how)
    {
        using var text = new Utf8Text(path);
        return (int)Syscall(SysOpenAt2, directory, text.Address, (nint)(&how), sizeof(OpenHow), 0);
    }

    public static int OpenTree(int directory, uint flags)
    {
        byte empty = 0;
        return (int)Syscall(SysOpenTree, directory, (nint)(&empty), (nint)flags, 0, 0);
    }

    /// <summary>Attaches the detached mount <paramref name="from"/> on top of what <paramref name="to"/> refers to.</summary>
    public static int MoveMount(int from, int to)
    {
        const uint FromEmptyPath = 0x4, ToEmptyPath = 0x40;
        byte empty = 0;
        return (int)Syscall(SysMoveMount, from, (nint)(&empty), to, (nint)(&empty), (nint)(FromEmptyPath | ToEmptyPath));
    }

    public static int FsOpen(string type)
    {
        using var text = new Utf8Text(type);
        return (int)Syscall(SysFsOpen, text.Address, 1, 0, 0, 0);
    }

    public static int FsPick(int mountPoint)
    {
        const uint CloseOnExec = 1, EmptyPath = 8;
        byte empty = 0;
        return (int)Syscall(SysFsPick, mountPoint, (nint)(&empty), (nint)(CloseOnExec | EmptyPath), 0, 0);
    }

    public static int FsConfig(int context, uint command, string? key, string? value)
    {
        using var keyText = new Utf8Text(key);
        using var valueText = new Utf8Text(value);
        return (int)Syscall(SysFsConfig, context, (nint)command, keyText.Address, valueText.Address, 0);
    }

    public static int FsMount(int context, ulong attributes) => (int)Syscall(SysFsMount, context, 1, (nint)attributes, 0, 0);

    public static int MountSetAttributes(int mount, MountAttributes attributes)
    {
        byte empty = 0;
        return (int)Syscall(SysMountSetAttr, mount, (nint)(&empty), AtEmptyPath, (nint)(&attributes), sizeof(MountAttributes));
    }

    /// <summary>A NUL-terminated copy of a string; null stays null.</summary>
    private readonly ref struct Utf8Text(string? text)
    {
        public readonly nint Address = Marshal.StringToCoTaskMemUTF8(text);

        public void Dispose() => Marshal.FreeCoTaskMem(Address);
    }
}

/// <summary><c>struct open_how</c>, openat2(2).</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct OpenHow
{
    public const ulong ResolveNoMagicLinks = 0x02;
    public const ulong ResolveNoSymlinks = 0x04;

    public ulong Flags;
    public ulong Mode;
    public ulong Resolve;
}

/// <summary><c>struct mount_attr</c>, mount_setattr(2).</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct MountAttributes
{
    public ulong Set;
    public ulong Clear;
    public ulong Propagation;
    public ulong UserNamespace;
}

/// <summary><c>struct statx</c>, statx(2): the fields that are read here.</summary>
[StructLayout(LayoutKind.Explicit, Size = 256)]
internal struct StatxBuffer
{
    public const uint BasicStats = 0x7ff;
    public const uint MountId = 0x1000;
    public const ulong AttributeMountRoot = 0x2000;
    public const ulong AttributeDax = 0x20_0000;

    [FieldOffset(8)] public ulong Attributes;
    [FieldOffset(16)] public uint Links;
    [FieldOffset(20)] public uint UserId;
    [FieldOffset(24)] public uint GroupId;
    [FieldOffset(28)] public ushort Mode;
    [FieldOffset(32)] public ulong Inode;
    [FieldOffset(40)] public ulong SizeBytes;
    [FieldOffset(48)] public ulong Blocks512;
    [FieldOffset(64)] public long AccessSeconds;
    [FieldOffset(72)] public uint AccessNanoseconds;
    [FieldOffset(96)] public long ChangeSeconds;
    [FieldOffset(104)] public uint ChangeNanoseconds;
    [FieldOffset(112)] public long ModifySeconds;
    [FieldOffset(120)] public uint ModifyNanoseconds;
    [FieldOffset(128)] public uint SpecialMajor;
    [FieldOffset(132)] public uint SpecialMinor;
    [FieldOffset(136)] public uint DeviceMajor;
    [FieldOffset(140)] public uint DeviceMinor;
    [FieldOffset(144)] public ulong MountIdentity;
}
