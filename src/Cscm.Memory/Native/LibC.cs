using System.Runtime.InteropServices;

namespace Cscm.Memory.Native;

/// <summary>The system calls of the library, Linux x64 and arm64 values. Errors by <see cref="Marshal.GetLastPInvokeError"/>.</summary>
internal static unsafe partial class LibC
{
    public const int ReadOnly = 0;
    public const int ReadWrite = 2;
    public const int Create = 0x40;
    public const int Exclusive = 0x80;
    public const int CloseOnExec = 0x80000;

    public const int ProtNone = 0;
    public const int ProtRead = 1;
    public const int ProtWrite = 2;
    public const int ProtExec = 4;

    public const int MapShared = 1;
    public const int MapPrivate = 2;
    public const int MapSharedValidate = 3;
    public const int MapFixed = 0x10;
    public const int MapAnonymous = 0x20;
    public const int MapNoReserve = 0x4000;
    public const int MapSync = 0x80000;

    public const short LockShared = 0;
    public const short LockExclusive = 1;
    private const short LockNone = 2;
    private const int SetOpenFileLock = 37;

    public const int MsSync = 4;
    public const int MadvisePopulateRead = 22;

    public const int ErrorNotSupported = 95;
    public const int ErrorWouldBlock = 11;
    public const int ErrorInvalid = 22;
    public const int ErrorFault = 14;
    public const int ErrorPoisoned = 133;
    public const int ErrorNotExist = 2;
    public const int ErrorExists = 17;

    private const uint GetBlockDeviceBytes = 0x80081272;

    private const string Library = "libc";

    public static readonly byte* MapFailed = (byte*)-1;

    [LibraryImport(Library, EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int Open(string path, int flags, int mode);

    [LibraryImport(Library, EntryPoint = "close", SetLastError = true)]
    public static partial int Close(int fd);

    [LibraryImport(Library, EntryPoint = "mmap", SetLastError = true)]
    public static partial byte* Map(byte* address, nuint length, int protection, int flags, int fd, long offset);

    [LibraryImport(Library, EntryPoint = "munmap", SetLastError = true)]
    public static partial int Unmap(byte* address, nuint length);

    [LibraryImport(Library, EntryPoint = "mprotect", SetLastError = true)]
    public static partial int Protect(byte* address, nuint length, int protection);

    [LibraryImport(Library, EntryPoint = "madvise", SetLastError = true)]
    public static partial int Advise(byte* address, nuint length, int advice);

    [LibraryImport(Library, EntryPoint = "msync", SetLastError = true)]
    public static partial int SyncMapping(byte* address, nuint length, int flags);

    [LibraryImport(Library, EntryPoint = "fdatasync", SetLastError = true)]
    public static partial int SyncData(int fd);

    [LibraryImport(Library, EntryPoint = "fsync", SetLastError = true)]
    public static partial int SyncFile(int fd);

    [LibraryImport(Library, EntryPoint = "ftruncate", SetLastError = true)]
    public static partial int Truncate(int fd, long length);

    [LibraryImport(Library, EntryPoint = "posix_fallocate")]
    public static partial int Allocate(int fd, long offset, long length);

    [LibraryImport(Library, EntryPoint = "lseek", SetLastError = true)]
    public static partial long Seek(int fd, long offset, int whence);

    /// <summary>
    /// Locks the whole file for this open file description (F_OFD_SETLK), without waiting. It ends with the last close, also when
    /// the process is killed, excludes other opens of the same process, and does not meet the flock of tools that copy the file.
    /// </summary>
    public static bool TryLock(int fd, short type)
    {
        var range = new FileLock { Type = type };
        return Control(fd, SetOpenFileLock, &range) == 0;
    }

    /// <summary>
    /// Closes a descriptor and ends its lock. Closing alone does not: a child that another thread has just forked holds the open file
    /// description until it executes its program.
    /// </summary>
    public static void UnlockAndClose(int fd)
    {
        var range = new FileLock { Type = LockNone };
        _ = Control(fd, SetOpenFileLock, &range);
        _ = Close(fd);
    }

    /// <summary>Whether the descriptor is of a block device (BLKGETSIZE64 works on nothing else).</summary>
    public static bool IsBlockDevice(int fd)
    {
        ulong bytes;
        return ControlDevice(fd, GetBlockDeviceBytes, &bytes) == 0;
    }

    [LibraryImport(Library, EntryPoint = "ioctl", SetLastError = true)]
    private static partial int ControlDevice(int fd, nuint request, ulong* argument);

    [LibraryImport(Library, EntryPoint = "fcntl", SetLastError = true)]
    private static partial int Control(int fd, int command, FileLock* argument);

    public static string LastError()
    {
        int code = Marshal.GetLastPInvokeError();
        return $"{Marshal.GetPInvokeErrorMessage(code)} (errno {code})";
    }

    [StructLayout(LayoutKind.Sequential, Size = 32)]
    private struct FileLock
    {
        public short Type;
        public short Whence;
        public long Start;
        public long Length;
        public int Process;
    }
}
