using System.Runtime.InteropServices;
using Cscm.Storage.Proof;

namespace Cscm.Cli.Bench;

/// <summary>
/// Memory by mmap(2) on a huge page's boundary: anonymous, or a file mapped shared. Asks for huge pages; the kernel may refuse.
/// Not thread-safe.
/// </summary>
internal sealed unsafe partial class MappedRegion : IDisposable
{
    private const nuint HugePageBytes = 2 << 20;
    private const long PageBytes = 4096;
    private const int ProtectionNone = 0, ProtectionReadWrite = 3;
    private const int MapShared = 1, MapPrivate = 2, MapFixed = 0x10, MapAnonymous = 0x20, MapNoReserve = 0x4000;
    private const int AdviseForget = 4, AdviseHugePage = 14;
    private const int SyncWait = 4;

    private readonly void* _reserved;
    private readonly nuint _reservedBytes;
    private readonly bool _isFile;

    private MappedRegion(long sizeBytes, int descriptor, int flags)
    {
        SizeBytes = sizeBytes;
        _isFile = descriptor >= 0;
        _reservedBytes = (nuint)sizeBytes + HugePageBytes;
        _reserved = Map(null, _reservedBytes, ProtectionNone, MapPrivate | MapAnonymous | MapNoReserve, -1, 0);
        if ((nint)_reserved == -1)
            throw Failed($"no address space for {sizeBytes} bytes");
        byte* aligned = (byte*)(((nuint)_reserved + HugePageBytes - 1) / HugePageBytes * HugePageBytes);
        Pointer = (byte*)Map(aligned, (nuint)sizeBytes, ProtectionReadWrite, flags | MapFixed, descriptor, 0);
        if ((nint)Pointer == -1)
        {
            WorkloadException failure = Failed($"cannot map {sizeBytes} bytes");
            _ = Unmap(_reserved, _reservedBytes);
            throw failure;
        }
        _ = Advise(Pointer, (nuint)sizeBytes, AdviseHugePage);
    }

    public byte* Pointer { get; }

    public long SizeBytes { get; }

    public static MappedRegion Anonymous(long sizeBytes) => new(sizeBytes, -1, MapPrivate | MapAnonymous);

    /// <summary>
    /// A new file at <paramref name="path"/>, or a nameless one if that is a directory. The name goes at once: whatever ends the
    /// process, nothing stays behind.
    /// </summary>
    /// <exception cref="WorkloadException">The file exists, or its file system has no room.</exception>
    public static MappedRegion OnNewFile(string path, long sizeBytes)
    {
        string file = Directory.Exists(path) ? Path.Combine(path, $".cscm-bench-{Guid.NewGuid():N}") : path;
        if (File.Exists(file))
            throw new WorkloadException($"{file} exists and would be overwritten: name a directory, or a file that does not exist");
        try
        {
            // Reserving space makes a full file system say so here, and not by SIGBUS in the middle.
            using var handle = File.OpenHandle(file, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None, FileOptions.None, sizeBytes);
            File.Delete(file);
            RandomAccess.SetLength(handle, sizeBytes);
            return new MappedRegion(sizeBytes, (int)handle.DangerousGetHandle(), MapShared);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new WorkloadException($"cannot make a file of {sizeBytes} bytes at {path}: {exception.Message}");
        }
    }

    /// <summary>An existing file, all of it.</summary>
    public static MappedRegion OnFile(string path)
    {
        using var handle = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        long sizeBytes = RandomAccess.GetLength(handle);
        return sizeBytes > 0
            ? new MappedRegion(sizeBytes, (int)handle.DangerousGetHandle(), MapShared)
            : throw new WorkloadException($"{path} is empty: there is nothing to map");
    }

    /// <summary>Writes the pages that hold these bytes to the medium and waits for it (msync(2)).</summary>
    public void Flush(long offsetBytes, long sizeBytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offsetBytes);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(sizeBytes, SizeBytes - offsetBytes);
        long firstBytes = offsetBytes / PageBytes * PageBytes;
        if (Sync(Pointer + firstBytes, (nuint)(offsetBytes + sizeBytes - firstBytes), SyncWait) != 0)
            throw Failed($"cannot write {sizeBytes} bytes to the medium");
    }

    /// <summary>
    /// Whether the page tables map some of this (touched) memory by huge pages, as /proc/self/smaps tells. Memory of a DAX device is not
    /// shown there at all before Linux 6.15: then by how many page faults it takes to map some of it anew.
    /// </summary>
    public bool HasHugePages()
    {
        string start = ((nuint)Pointer).ToString("x") + "-";
        string[] shown =
        [
            .. File.ReadLines("/proc/self/smaps")
                .SkipWhile(line => !line.StartsWith(start, StringComparison.Ordinal))
                .Skip(1)
                .TakeWhile(line => !line.StartsWith("VmFlags", StringComparison.Ordinal))
                .Where(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries) is [_, not "0", "kB"]),
        ];
        bool isShown = Array.Exists(shown, line => line.StartsWith("Rss", StringComparison.Ordinal));
        return _isFile && !isShown
            ? FaultsByHugePages()
            : Array.Exists(shown, line => line.StartsWith("AnonHugePages", StringComparison.Ordinal) || line.Contains("PmdMapped", StringComparison.Ordinal));
    }

    /// <summary>Of a file only: its content stays when the page tables forget it.</summary>
    private bool FaultsByHugePages()
    {
        long sampleBytes = Math.Min(SizeBytes, (long)HugePageBytes * 16);
        if (Advise(Pointer, (nuint)sampleBytes, AdviseForget) != 0)
            throw Failed($"cannot unmap {sampleBytes} bytes");
        long before = PageFaults.Count();
        for (long offset = 0; offset < sampleBytes; offset += PageBytes)
            _ = Volatile.Read(ref Pointer[offset]);
        return PageFaults.Count() - before < sampleBytes / PageBytes / 8;
    }

    public void Dispose() => _ = Unmap(_reserved, _reservedBytes);

    private static WorkloadException Failed(string what) => new($"{what}: {Marshal.GetLastPInvokeErrorMessage()}");

    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial void* Map(void* address, nuint length, int protection, int flags, int descriptor, long offset);

    [LibraryImport("libc", EntryPoint = "munmap", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Unmap(void* address, nuint length);

    [LibraryImport("libc", EntryPoint = "madvise", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Advise(void* address, nuint length, int advice);

    [LibraryImport("libc", EntryPoint = "msync", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Sync(void* address, nuint length, int flags);
}
