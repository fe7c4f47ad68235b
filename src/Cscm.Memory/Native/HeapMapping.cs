using System.Runtime.InteropServices;

namespace Cscm.Memory.Native;

/// <summary>An open heap file: its descriptor, its lock, and its mapping in a reserved range of addresses, so that growth moves nothing.</summary>
internal sealed unsafe class HeapMapping : IDisposable
{
    private const long PageBytes = 4096;
    private const long Alignment = 2 * 1024 * 1024;
    private readonly byte* _reserved;
    private readonly long _reservedBytes;
    private readonly bool _isReadOnly;
    private bool _isDisposed;

    private HeapMapping(string path, int fd, bool isReadOnly, long reservedBytes)
    {
        Path = path;
        Descriptor = fd;
        _isReadOnly = isReadOnly;
        _reservedBytes = reservedBytes + Alignment;
        _reserved = LibC.Map(null, (nuint)_reservedBytes, LibC.ProtNone, LibC.MapPrivate | LibC.MapAnonymous | LibC.MapNoReserve, -1, 0);
        if (_reserved == LibC.MapFailed)
        {
            throw new ScmSystemException(path, $"reserving {reservedBytes} bytes of addresses failed: {LibC.LastError()}", "Lower ReservedAddressBytes");
        }

        Start = (byte*)(((nuint)_reserved + (nuint)Alignment - 1) & ~((nuint)Alignment - 1));
    }

    public string Path { get; }

    public int Descriptor { get; }

    public byte* Start { get; }

    public long SizeBytes { get; private set; }

    /// <summary>The kernel granted MAP_SYNC: flushing the processor's caches makes stores durable.</summary>
    public bool IsSynchronous { get; private set; }

    public static HeapMapping Open(string path, bool create, bool isReadOnly, long createBytes, bool preallocate, long reservedBytes)
    {
        if (isReadOnly && MediumSize.IsDeviceDax(path))
        {
            throw new ScmSystemException(path, "a device-dax node cannot be mapped privately, as reading only needs", "Open the heap for writing");
        }

        int flags = LibC.CloseOnExec | (isReadOnly ? LibC.ReadOnly : LibC.ReadWrite) | (create ? LibC.Create : 0);
        int fd = LibC.Open(path, flags, Convert.ToInt32("600", 8));
        if (fd < 0)
        {
            throw new ScmSystemException(path, $"opening failed: {LibC.LastError()}", "Check the path and its permissions; create the heap first");
        }

        HeapMapping? mapping = null;
        try
        {
            if (!LibC.TryLock(fd, isReadOnly ? LibC.LockShared : LibC.LockExclusive))
            {
                throw new ScmHeapInUseException(path);
            }

            long size = MediumSize.Of(path, fd);
            if (create && size < createBytes)
            {
                Resize(path, fd, size, createBytes, preallocate);
                size = createBytes;
            }

            mapping = new HeapMapping(path, fd, isReadOnly, ReservedFor(size, reservedBytes));
            mapping.MapUpTo(size);
            return mapping;
        }
        catch
        {
            if (mapping is null)
            {
                LibC.UnlockAndClose(fd);
            }

            mapping?.Dispose();
            throw;
        }
    }

    /// <summary>The present size of the file or device.</summary>
    public long MediumBytes() => MediumSize.Of(Path, Descriptor);

    /// <summary>Enlarges the file, when it is smaller, and maps the new part behind the old.</summary>
    public void Grow(long sizeBytes, bool preallocate)
    {
        if (sizeBytes > _reservedBytes - Alignment)
        {
            throw new ScmSystemException(
                Path, $"the mapping has addresses for {_reservedBytes - Alignment} bytes, not {sizeBytes}", "Reopen the heap with a larger ReservedAddressBytes and grow it then");
        }

        long present = MediumSize.Of(Path, Descriptor);
        if (present < sizeBytes)
        {
            Resize(Path, Descriptor, present, sizeBytes, preallocate);
        }

        MapUpTo(sizeBytes);
    }

    /// <summary>
    /// Asks the kernel to bring a range in, and throws <see cref="ScmCorruptionException"/> where the medium has a bad block or the file
    /// ends: touching it would raise SIGBUS, which .NET turns into the end of the process. Kernels before 5.14 cannot tell.
    /// </summary>
    public void RequireReadable(long offset, long lengthBytes)
    {
        long from = offset & -PageBytes;
        long end = offset + lengthBytes;
        while (from < end)
        {
            long part = Math.Min(Alignment, end - from);
            if (LibC.Advise(Start + from, (nuint)part, LibC.MadvisePopulateRead) != 0 && Marshal.GetLastPInvokeError() is LibC.ErrorFault or LibC.ErrorPoisoned)
            {
                throw new ScmCorruptionException(
                    Path, from, $"the medium cannot be read: {LibC.LastError()}", "Look at the device's bad blocks and the file's length; restore the heap from a backup");
            }

            from += part;
        }
    }

    public void Dispose()
    {
        if (!_isDisposed)
        {
            _isDisposed = true;
            _ = LibC.Unmap(_reserved, (nuint)_reservedBytes);
            LibC.UnlockAndClose(Descriptor);
        }
    }

    private static long ReservedFor(long size, long wanted) =>
        Math.Max(size, wanted > 0 ? wanted : Math.Max(16 * size, 64L << 30)) + Alignment & -Alignment;

    private static void Resize(string path, int fd, long from, long to, bool preallocate)
    {
        int error = preallocate ? LibC.Allocate(fd, from, to - from) : 0;
        if (error is LibC.ErrorNotSupported or LibC.ErrorInvalid || !preallocate)
        {
            error = LibC.Truncate(fd, to) == 0 ? 0 : Marshal.GetLastPInvokeError();
        }

        if (error != 0)
        {
            throw new ScmSystemException(
                path, $"enlarging the file to {to} bytes failed: {Marshal.GetPInvokeErrorMessage(error)} (errno {error})", "Make room on the file system, or grow the volume");
        }
    }

    private void MapUpTo(long sizeBytes)
    {
        // Whole 2 MiB pages are mapped again where the old end was inside one: the same file range at the same address.
        long from = SizeBytes & -Alignment;
        const int protection = LibC.ProtRead | LibC.ProtWrite;
        nuint length = (nuint)(sizeBytes - from);
        byte* mapped;
        if (SizeBytes == 0)
        {
            IsSynchronous = TakesMapSync();
        }

        if (_isReadOnly)
        {
            // Private: replaying the log changes only our own copies of pages.
            mapped = LibC.Map(Start + from, length, protection, LibC.MapPrivate | LibC.MapFixed | LibC.MapNoReserve, Descriptor, from);
        }
        else
        {
            int flags = IsSynchronous ? LibC.MapSharedValidate | LibC.MapSync : LibC.MapShared;
            mapped = LibC.Map(Start + from, length, protection, flags | LibC.MapFixed, Descriptor, from);
        }

        if (mapped == LibC.MapFailed)
        {
            throw new ScmSystemException(Path, $"mapping {sizeBytes} bytes failed: {LibC.LastError()}", "Check the size of the file and the limits of the process");
        }

        SizeBytes = sizeBytes;
    }

    /// <summary>
    /// Tried at a place of its own (2 MiB: device-dax maps no less). Where the file system refuses MAP_SYNC, it does so late: a fixed mapping has by then lost what it was to
    /// replace, and another thread's mapping may take the hole.
    /// </summary>
    private bool TakesMapSync()
    {
        byte* probe = LibC.Map(null, (nuint)Alignment, LibC.ProtRead, LibC.MapSharedValidate | LibC.MapSync, Descriptor, 0);
        return probe != LibC.MapFailed && LibC.Unmap(probe, (nuint)Alignment) == 0;
    }
}
