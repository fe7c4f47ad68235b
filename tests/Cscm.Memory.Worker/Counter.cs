using System.Runtime.InteropServices;

namespace Cscm.Memory.Worker;

/// <summary>What each thread of the worker counts in.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct Counter
{
    public long Number;
    public long Again;
    public PtrSpan<long> Block;
}
