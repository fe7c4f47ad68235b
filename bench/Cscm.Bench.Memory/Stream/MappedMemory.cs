using System.Runtime.InteropServices;

namespace Cscm.Bench.Memory.Stream;

/// <summary>
/// Memory by mmap, on a huge page's boundary: anonymous, with or without huge pages, or a new file mapped shared, with huge pages where
/// its file system has them. The file loses its name at once, so nothing stays behind however the process ends.
/// </summary>
public sealed unsafe partial class MappedMemory : IDisposable
{
    private const nuint HugePageBytes = 2 << 20;
    private const int ProtectionNone = 0, ProtectionReadWrite = 3;
    private const int MapShared = 1, MapPrivate = 2, MapFixed = 0x10, MapAnonymous = 0x20, MapNoReserve = 0x4000;
    private const int AdviceHugePage = 14, AdviceNoHugePage = 15;

    private readonly void* _reserved;
    private readonly nuint _reservedBytes;

    private MappedMemory(long sizeBytes, int descriptor, int flags, int advice)
    {
        _reservedBytes = (nuint)sizeBytes + HugePageBytes;
        _reserved = Map(null, _reservedBytes, ProtectionNone, MapPrivate | MapAnonymous | MapNoReserve, -1, 0);
        if ((nint)_reserved == -1)
            throw Failed($"no address space for {sizeBytes} bytes");
        byte* aligned = (byte*)(((nuint)_reserved + HugePageBytes - 1) / HugePageBytes * HugePageBytes);
        Pointer = (byte*)Map(aligned, (nuint)sizeBytes, ProtectionReadWrite, flags | MapFixed, descriptor, 0);
        if ((nint)Pointer == -1)
        {
            BenchException failure = Failed($"cannot map {sizeBytes} bytes");
            _ = Unmap(_reserved, _reservedBytes);
            throw failure;
        }

        // A wish: the kernel may do otherwise.
        _ = Advise(Pointer, (nuint)sizeBytes, advice);
    }

    public byte* Pointer { get; }

    public static MappedMemory Anonymous(long sizeBytes, bool hugePages) =>
        new(sizeBytes, -1, MapPrivate | MapAnonymous, hugePages ? AdviceHugePage : AdviceNoHugePage);

    /// <summary>A new file of the directory, mapped shared; the directory's file system decides what memory that is.</summary>
    public static MappedMemory OnFile(string directory, long sizeBytes)
    {
        string path = Path.Combine(directory, $"cscm-bench-{Environment.ProcessId}-{Guid.NewGuid():N}");
        try
        {
            // preallocationSize: a file system that is full says so here, and not by SIGBUS in the middle. It leaves the length alone.
            using var file = File.OpenHandle(path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None, FileOptions.None, sizeBytes);
            File.Delete(path);
            RandomAccess.SetLength(file, sizeBytes);
            return new MappedMemory(sizeBytes, (int)file.DangerousGetHandle(), MapShared, AdviceHugePage);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new BenchException($"cannot make a file of {sizeBytes} bytes in {directory}: {exception.Message} (choose another by --path)");
        }
    }

    /// <summary>Whether the page tables map some of this (touched) memory by huge pages, as /proc/self/smaps tells.</summary>
    public bool HasHugePages()
    {
        string start = ((nuint)Pointer).ToString("x");
        return File.ReadLines("/proc/self/smaps")
            .SkipWhile(line => !line.StartsWith(start + "-", StringComparison.Ordinal))
            .Skip(1)
            .TakeWhile(line => !line.StartsWith("VmFlags", StringComparison.Ordinal))
            .Where(line => line.StartsWith("AnonHugePages", StringComparison.Ordinal) || line.Contains("PmdMapped", StringComparison.Ordinal))
            .Any(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1] is not "0");
    }

    public void Dispose() => _ = Unmap(_reserved, _reservedBytes);

    private static BenchException Failed(string what) => new($"{what}: {Marshal.GetLastPInvokeErrorMessage()}");

    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    private static partial void* Map(void* address, nuint length, int protection, int flags, int descriptor, long offset);

    [LibraryImport("libc", EntryPoint = "munmap", SetLastError = true)]
    private static partial int Unmap(void* address, nuint length);

    [LibraryImport("libc", EntryPoint = "madvise", SetLastError = true)]
    private static partial int Advise(void* address, nuint length, int advice);
}
