using Cscm.Memory.Allocation;
using Cscm.Memory.Medium;
using Cscm.Memory.Transactions;

namespace Cscm.Memory;

public sealed unsafe partial class ScmHeap
{
    /// <summary>What this heap is, which persistence domain it has and why, and what that means. For people.</summary>
    public string Describe()
    {
        _core.ThrowIfUnusable();
        string durability = Domain switch
        {
            PersistenceDomain.CpuCache => "a committed transaction survives a power failure; caches are flushed by the platform, a fence orders",
            PersistenceDomain.MemoryController when CacheLines.IsSupported =>
                $"a committed transaction survives a power failure; lines leave the processor by non-temporal stores and {CacheLines.Instruction}",
            PersistenceDomain.MemoryController => "a committed transaction survives a power failure; lines are flushed by msync, since no flush instruction could be used",
            PersistenceDomain.PageCache => "a committed transaction survives a power failure once the device honours fsync; threads share each sync",
            _ => "a committed transaction survives the death of the process, not of the machine",
        };
        ScmHeapUsage usage = Usage;
        return $"""
            heap {Path}{(IsReadOnly ? " (read-only)" : "")}
            id {Id}, {SizeBytes} bytes in {_core.Geometry.Regions.Length} region(s), format {_superblock.MajorVersion}.{_superblock.MinorVersion}
            persistence domain: {Domain}, because {_domainReason}
            durability: {durability}
            log: {_core.Log.LaneCount} lanes of {_core.Log.LaneBytes} bytes
            data: {usage.DataBytes} bytes; {usage.AllocatedBytes} allocated, {usage.QuarantinedBytes} freed and waiting for a checkpoint, largest extent {usage.LargestExtentBytes}
            """;
    }

    /// <summary>Where the space is. Consistent only while nothing allocates.</summary>
    public ScmHeapUsage Usage
    {
        get
        {
            _core.ThrowIfUnusable();
            AllocatorUsage usage = _core.Allocator.Usage();
            long cached = 0;
            long quarantined = _core.QuarantinedBytes;
            foreach (TransactionContext context in _core.Contexts())
            {
                cached += context.Cache.FreeBytes;
                quarantined += context.QuarantinedBytes;
            }

            long free = usage.FreeChunkBytes + usage.FreeInRunsBytes + cached + quarantined;
            return new ScmHeapUsage(
                usage.DataBytes,
                usage.DataBytes - free - usage.RoundingBytes,
                usage.FreeChunkBytes,
                usage.LargestExtentBytes,
                usage.FreeSpanCount,
                usage.FreeInRunsBytes,
                cached,
                quarantined);
        }
    }

    /// <summary>Counters since the heap was opened.</summary>
    public ScmHeapMetrics Metrics
    {
        get
        {
            _core.ThrowIfUnusable();
            long commits = 0;
            long logLines = 0;
            long newLines = 0;
            foreach (TransactionContext context in _core.Contexts())
            {
                commits += context.CommitCount;
                logLines += context.LogLineCount;
                newLines += context.NewLineCount;
            }

            return new ScmHeapMetrics(
                commits,
                _core.Log.FenceCount(),
                logLines,
                newLines,
                _core.Checkpointer.Count,
                _core.Checkpointer.FenceCount,
                _core.Medium.SyncCount,
                _core.Checkpointer.WorstStall,
                ReplayedCount);
        }
    }
}
