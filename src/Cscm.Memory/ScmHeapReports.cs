using System.Runtime.InteropServices;

namespace Cscm.Memory;

/// <summary>Where the space of a heap is.</summary>
/// <param name="DataBytes">All space for blocks; the rest of the heap is log and metadata.</param>
/// <param name="AllocatedBytes">In allocated blocks (as rounded to their size class), reserved ones included.</param>
/// <param name="FreeChunkBytes">In chunks that nothing occupies: free for any size up to <paramref name="LargestExtentBytes"/>.</param>
/// <param name="LargestExtentBytes">The largest single allocation that fits now.</param>
/// <param name="FreeSpanCount">The pieces that the free chunks are in.</param>
/// <param name="FreeInRunsBytes">Free, but only for blocks of the size their run is carved into: fragmentation.</param>
/// <param name="CachedBytes">Free, in threads' caches.</param>
/// <param name="QuarantinedBytes">Freed by transactions; free after the next checkpoint.</param>
[StructLayout(LayoutKind.Auto)]
public readonly record struct ScmHeapUsage(
    long DataBytes,
    long AllocatedBytes,
    long FreeChunkBytes,
    long LargestExtentBytes,
    int FreeSpanCount,
    long FreeInRunsBytes,
    long CachedBytes,
    long QuarantinedBytes);

/// <summary>Counters of an open heap.</summary>
/// <param name="Commits">Transactions committed that wrote something.</param>
/// <param name="CommitFences">Store fences (on page-cache media: waits for a sync) that these commits made.</param>
/// <param name="LogLines">64-byte lines they wrote to the log.</param>
/// <param name="NewBlockLines">Lines of new blocks they wrote back.</param>
/// <param name="Checkpoints">Times the horizon was moved.</param>
/// <param name="CheckpointFences">Fences made for that.</param>
/// <param name="Syncs">msync and fdatasync calls made; threads share them.</param>
/// <param name="WorstStall">The longest a commit waited for log space.</param>
/// <param name="Replayed">Transactions that opening replayed.</param>
[StructLayout(LayoutKind.Auto)]
public readonly record struct ScmHeapMetrics(
    long Commits,
    long CommitFences,
    long LogLines,
    long NewBlockLines,
    long Checkpoints,
    long CheckpointFences,
    long Syncs,
    TimeSpan WorstStall,
    long Replayed);
