using System.Runtime.InteropServices;
using Cscm.Storage.Linux;

namespace Cscm.Storage.Proof;

/// <summary>The page faults that cost no input or output: how many it takes to touch memory says how large its mappings are. Thread-safe.</summary>
public static unsafe partial class PageFaults
{
    private const int ThisThread = 1;

    /// <summary>How many this thread has had so far (ru_minflt, getrusage(2)).</summary>
    public static long Count()
    {
        ResourceUsage usage;
        if (GetResourceUsage(ThisThread, &usage) < 0)
            LinuxException.ThrowLast("read the page-fault counter");
        return usage.MinorFaults;
    }

    [LibraryImport("libc", EntryPoint = "getrusage", SetLastError = true)]
    private static partial int GetResourceUsage(int who, ResourceUsage* usage);

    /// <summary><c>struct rusage</c>, getrusage(2), on 64-bit machines: the field that is read here.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 144)]
    private struct ResourceUsage
    {
        [FieldOffset(64)] public long MinorFaults;
    }
}
