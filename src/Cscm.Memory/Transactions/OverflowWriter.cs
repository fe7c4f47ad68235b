using Cscm.Memory.Allocation;
using Cscm.Memory.Log;
using Cscm.Memory.Media;
using Cscm.Memory.Medium;

namespace Cscm.Memory.Transactions;

/// <summary>
/// Puts the entries of a transaction that outgrew its lane into blocks of the heap, and makes the short record that points to
/// them. The blocks are only reserved: after a crash they are free, once replay has read them.
/// </summary>
internal sealed unsafe class OverflowWriter
{
    private readonly List<Block> _blocks = [];

    public IReadOnlyList<Block> Blocks => _blocks;

    /// <summary>Streams the entries; durable at the commit's fence. Returns the bytes of the record now at the start of <paramref name="target"/>.</summary>
    public long Write(HeapCore core, TransactionContext context, StagingBuffer staging, StagingBuffer target)
    {
        target.Clear();
        byte* part = staging.Entries;
        long wanted = staging.End - part;
        while (part < staging.End)
        {
            Block block = Reserve(core, context, Math.Min(wanted, staging.End - part), out wanted);
            _blocks.Add(block);
            byte* end = LogEntries.LastBoundary(part, staging.End, block.SizeBytes);
            Stream(core.Medium, core.Start + block.Offset, part, end - part);
            target.Piece(new OverflowPiece
            {
                Offset = block.Offset,
                LengthBytes = end - part,
                Checksum = MediaHash.Compute(part, end - part, core.Salt),
            });
            part = end;
        }

        return target.Seal(LogRecordKind.Overflow);
    }

    /// <summary>After an abort: nothing durable refers to the blocks.</summary>
    public void Cancel(HeapCore core, BlockCache cache)
    {
        foreach (Block block in _blocks)
        {
            core.Allocator.Return(cache, block);
        }

        _blocks.Clear();
    }

    public void Clear() => _blocks.Clear();

    /// <summary>As large a block as there is room for, halving what is asked down to the largest single entry.</summary>
    private static Block Reserve(HeapCore core, TransactionContext context, long bytes, out long granted)
    {
        for (granted = bytes; ; granted = Math.Max(granted / 2, StagingBuffer.MaxEntryBytes))
        {
            try
            {
                return core.Allocate(context.Cache, MediaLayout.AlignUp(granted, CacheLines.Size), CacheLines.Size);
            }
            catch (ScmOutOfSpaceException) when (granted > StagingBuffer.MaxEntryBytes)
            {
                // Smaller pieces may still fit.
            }
        }
    }

    private static void Stream(MediumPort medium, byte* target, byte* source, long lengthBytes)
    {
        long whole = MediaLayout.AlignDown(lengthBytes, CacheLines.Size);
        if (whole > 0)
        {
            medium.Stream(PersistSite.StoreOverflow, target, source, whole);
        }

        if (whole < lengthBytes)
        {
            byte* line = stackalloc byte[2 * CacheLines.Size];
            line = (byte*)(((nuint)line + CacheLines.Size - 1) & ~(nuint)(CacheLines.Size - 1));
            new Span<byte>(line, CacheLines.Size).Clear();
            Buffer.MemoryCopy(source + whole, line, CacheLines.Size, lengthBytes - whole);
            medium.Stream(PersistSite.StoreOverflow, target + whole, line, CacheLines.Size);
        }
    }
}
