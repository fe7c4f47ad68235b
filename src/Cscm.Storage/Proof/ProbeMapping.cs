using System.Runtime.InteropServices;
using Cscm.Storage.Linux;
using Mono.Unix.Native;

namespace Cscm.Storage.Proof;

/// <summary>
/// A shared, synchronous mapping (MAP_SYNC) of a probe file at an address aligned to 2 MiB, and the page faults that touching it costs.
/// All pointers stay within the mapping, which lives until this is disposed.
/// </summary>
internal sealed unsafe partial class ProbeMapping : IDisposable
{
    public const long HugePageBytes = 2 << 20;
    public const long PageBytes = 4096;

    private const int ProtectionNone = 0, ProtectionReadWrite = 3;
    private const int MapPrivateAnonymousNoReserve = 0x2 | 0x20 | 0x4000;
    private const int MapSharedValidateSync = 0x3 | 0x80000;
    private const int MapFixed = 0x10;
    private const nint Failed = -1;

    private readonly nint _reserved;
    private readonly nint _reservedBytes;
    private readonly byte* _start;
    private readonly long _sizeBytes;

    private ProbeMapping(nint reserved, nint reservedBytes, nint start, long sizeBytes)
    {
        _reserved = reserved;
        _reservedBytes = reservedBytes;
        _start = (byte*)start;
        _sizeBytes = sizeBytes;
    }

    /// <summary>Maps the file; null if the file system or its device refuses MAP_SYNC.</summary>
    public static ProbeMapping? TryMapSync(ProbeFile file, long sizeBytes)
    {
        // First where nothing is: a file system that refuses late has by then unmapped what a fixed mapping was to replace, and another
        // thread's mapping may take the hole.
        nint tried = Map(0, (nint)PageBytes, ProtectionReadWrite, MapSharedValidateSync, file.Descriptor, 0);
        if (tried == Failed)
        {
            var error = new LinuxException(Marshal.GetLastPInvokeError(), "map the probe file");
            return error.Errno is Errno.EOPNOTSUPP or Errno.EINVAL or Errno.ENODEV ? null : throw error;
        }
        _ = Unmap(tried, (nint)PageBytes);

        nint reservedBytes = (nint)(sizeBytes + HugePageBytes);
        nint reserved = Map(0, reservedBytes, ProtectionNone, MapPrivateAnonymousNoReserve, -1, 0);
        if (reserved == Failed)
            LinuxException.ThrowLast("reserve addresses for the probe file");
        nint start = (nint)((reserved + HugePageBytes - 1) & ~(HugePageBytes - 1));
        // What is left of the reservation after a failure is not given back: it may be somebody else's by now.
        if (Map(start, (nint)sizeBytes, ProtectionReadWrite, MapSharedValidateSync | MapFixed, file.Descriptor, 0) == Failed)
            LinuxException.ThrowLast("map the probe file");
        return new ProbeMapping(reserved, reservedBytes, start, sizeBytes);
    }

    /// <summary>
    /// Stores to every page once; returns how many page faults that took on this thread. By native code: a fault on a frozen file system waits
    /// for the thaw, and the garbage collector would wait for a managed store, and with it the thread that is to thaw.
    /// </summary>
    public long CountWriteFaults()
    {
        long before = PageFaults.Count();
        for (long offset = 0; offset < _sizeBytes; offset += PageBytes)
            _ = Fill(_start + offset, 1, 1);
        return PageFaults.Count() - before;
    }

    public void Dispose() => _ = Unmap(_reserved, _reservedBytes);

    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    private static partial nint Map(nint address, nint length, int protection, int flags, int fd, long offset);

    [LibraryImport("libc", EntryPoint = "memset")]
    private static partial byte* Fill(byte* address, int value, nuint length);

    [LibraryImport("libc", EntryPoint = "munmap", SetLastError = true)]
    private static partial int Unmap(nint address, nint length);
}
