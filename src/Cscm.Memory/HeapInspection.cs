namespace Cscm.Memory;

/// <summary>
/// What a heap's metadata says, for tools. Transactions up to the horizon are in their home locations; at most PendingRecords
/// above it are in the log only.
/// </summary>
public sealed record HeapInspection(
    string Path,
    Guid Id,
    string FormatVersion,
    DateTimeOffset Created,
    long SizeBytes,
    int Lanes,
    long LaneBytes,
    ulong Horizon,
    long PendingRecords,
    IReadOnlyList<RegionInspection> Regions,
    IReadOnlyList<RootInspection> Roots);

/// <summary>A region of the heap: offsets and sizes in bytes.</summary>
public sealed record RegionInspection(long MetadataOffset, long DataOffset, long DataBytes, long RunChunks, long ExtentChunks, long FreeChunks);

/// <summary>A named root.</summary>
public sealed record RootInspection(string Name, long Offset, long SizeBytes, ulong Fingerprint);

/// <summary>
/// What a check found: sound when no problem is listed. AllocatedBlocks by the bitmaps; ReachableBlocks of those were found from roots
/// whose types were registered, -1 when reachability was not checked.
/// </summary>
public sealed record HeapCheckResult(IReadOnlyList<string> Problems, long AllocatedBlocks, long AllocatedBytes, long ReachableBlocks)
{
    public bool IsSound => Problems.Count == 0;
}

/// <summary>
/// How a check finds what a type points to: called for an object of the type, reports each pointer in it. See
/// <see cref="HeapChecker.Register{T}"/>.
/// </summary>
public delegate void PointerWalker<T>(ScmHeap heap, Ptr<T> self, PointerVisitor visit)
    where T : unmanaged;
