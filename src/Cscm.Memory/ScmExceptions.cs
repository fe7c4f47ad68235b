namespace Cscm.Memory;

/// <summary>Something about a heap failed. Names the heap, the offset (-1: none) and the remedy.</summary>
public abstract class ScmException : Exception
{
    private protected ScmException(string heap, long offsetBytes, string problem, string remedy, Exception? inner = null)
        : base(
            offsetBytes < 0 ? $"{heap}: {problem}. {remedy}." : $"{heap} at offset 0x{offsetBytes:x}: {problem}. {remedy}.",
            inner)
    {
        Heap = heap;
        OffsetBytes = offsetBytes;
        Remedy = remedy;
    }

    public string Heap { get; }

    public long OffsetBytes { get; }

    public string Remedy { get; }
}

/// <summary>The medium holds something that this library never wrote: a failed checksum, an impossible value.</summary>
public sealed class ScmCorruptionException : ScmException
{
    internal ScmCorruptionException(string heap, long offsetBytes, string problem, string remedy)
        : base(heap, offsetBytes, problem, remedy)
    {
    }
}

/// <summary>The heap has no room left for what was asked.</summary>
public sealed class ScmOutOfSpaceException : ScmException
{
    internal ScmOutOfSpaceException(string heap, string problem, string remedy)
        : base(heap, -1, problem, remedy)
    {
    }
}

/// <summary>The caller broke the contract: a pointer outside the heap, a double free, a transaction on the wrong thread.</summary>
public sealed class ScmMisuseException : ScmException
{
    internal ScmMisuseException(string heap, long offsetBytes, string problem, string remedy)
        : base(heap, offsetBytes, problem, remedy)
    {
    }
}

/// <summary>The heap is sound but not what the caller expects: another format version, another type behind a root.</summary>
public sealed class ScmMismatchException : ScmException
{
    internal ScmMismatchException(string heap, long offsetBytes, string problem, string remedy)
        : base(heap, offsetBytes, problem, remedy)
    {
    }
}

/// <summary>The heap is open elsewhere, in this process or another.</summary>
public sealed class ScmHeapInUseException : ScmException
{
    internal ScmHeapInUseException(string heap)
        : base(heap, -1, "the heap is already open", "Close it there first, or open it read-only in both places")
    {
    }
}

/// <summary>
/// A store could not be made durable, now or earlier: the heap is latched, and every later call fails until it is opened again.
/// What was committed before is safe; the failing transaction may or may not be.
/// </summary>
public sealed class ScmFailedException : ScmException
{
    internal ScmFailedException(string heap, string problem, Exception? inner)
        : base(heap, -1, problem, "Close the heap, look at the device and the kernel log, and open it again: recovery restores every durable transaction", inner)
    {
    }
}

/// <summary>The operating system refused: the file is missing, too small, not mappable.</summary>
public sealed class ScmSystemException : ScmException
{
    internal ScmSystemException(string heap, string problem, string remedy)
        : base(heap, -1, problem, remedy)
    {
    }
}
