using System.Runtime.InteropServices;

namespace Cscm.Bench.Memory.Stream;

/// <summary>
/// Anonymous memory by mmap, on a huge page's boundary, with or without huge pages: what memory of a heap is compared with.
/// </summary>
public sealed unsafe partial class AnonymousMemory : IDisposable
{
    private const nuint HugePageBytes = 2 << 20;
    private const int ProtectionNone = 0, ProtectionReadWrite = 3;
    private const int MapPrivate = 2, MapFixed = 0x10, MapAnonymous = 0x20, MapNoReserve = 0x4000;
    private const int AdviceHugePage = 14, AdviceNoHugePage = 15;

    private readonly void* _reserved;
    private readonly nuint _reservedBytes;

    public AnonymousMemory(long sizeBytes, bool hugePages)
    {
        _reservedBytes = (nuint)sizeBytes + HugePageBytes;
        _reserved = Map(null, _reservedBytes, ProtectionNone, MapPrivate | MapAnonymous | MapNoReserve, -1, 0);
        if ((nint)_reserved == -1)
            throw Failed($"no address space for {sizeBytes} bytes");
        byte* aligned = (byte*)(((nuint)_reserved + HugePageBytes - 1) / HugePageBytes * HugePageBytes);
        Pointer = (byte*)Map(aligned, (nuint)sizeBytes, ProtectionReadWrite, MapPrivate | MapAnonymous | MapFixed, -1, 0);
        if ((nint)Pointer == -1)
        {
            BenchException failure = Failed($"cannot map {sizeBytes} bytes");
            _ = Unmap(_reserved, _reservedBytes);
            throw failure;
        }

        // A wish: the kernel may do otherwise.
        _ = Advise(Pointer, (nuint)sizeBytes, hugePages ? AdviceHugePage : AdviceNoHugePage);
    }

    public byte* Pointer { get; }

    public void Dispose() => _ = Unmap(_reserved, _reservedBytes);

    private static BenchException Failed(string what) => new($"{what}: {Marshal.GetLastPInvokeErrorMessage()}");

    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    private static partial void* Map(void* address, nuint length, int protection, int flags, int descriptor, long offset);

    [LibraryImport("libc", EntryPoint = "munmap", SetLastError = true)]
    private static partial int Unmap(void* address, nuint length);

    [LibraryImport("libc", EntryPoint = "madvise", SetLastError = true)]
    private static partial int Advise(void* address, nuint length, int advice);
}
