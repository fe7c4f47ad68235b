using System.Diagnostics;
using Cscm.Memory.Log;
using Cscm.Memory.Medium;

namespace Cscm.Memory.Transactions;

/// <summary>
/// How what new blocks hold becomes durable with the record that makes them reachable. Written back under the record's fence alone, it could
/// be missing while the record is whole: recovery would then show a transaction that was not acknowledged, by half (docs/decisions/0014, 0023).
/// </summary>
internal sealed unsafe partial class TransactionContext
{
    /// <summary>No more than this is logged; past it, streaming the bytes twice costs more than summing them.</summary>
    private const long MaxLoggedBytes = 8 * 1024;

    /// <summary>Past this, recovery should not have to read it again: a checkpoint follows.</summary>
    private const long MuchContentBytes = 16 * 1024 * 1024;

    private ContentWay _content;
    private long _contentBytes;
    private bool _maySum;
    private bool _hasPublished;

    /// <summary>The runs know of the blocks that are about to be allocated and freed.</summary>
    private bool _isMarked;
    private volatile bool _isAddingContent;

    private enum ContentWay
    {
        /// <summary>No new blocks.</summary>
        None,

        /// <summary>The record holds it, like any write.</summary>
        Logged,

        /// <summary>It is written back under the record's fence, and the record has its checksum.</summary>
        Checksummed,

        /// <summary>It is written back and fenced before the record: the one case of a second fence.</summary>
        FencedBefore,
    }

    /// <summary>
    /// A commit has chosen, or is about to choose, how its new blocks' content becomes durable, and is not through.
    /// </summary>
    public bool IsAddingContent => _isAddingContent;

    private void PlanContent()
    {
        _isAddingContent = true;
        // Who has had a reference that is written without records may have it still, and change what a checksum says.
        _maySum = !_core.HandsOutUnlogged && !_hasPublished;
        _contentBytes = 0;
        foreach (ref readonly NewBlock item in _new.Blocks)
        {
            _contentBytes += item.IsWritten || !_maySum ? item.SizeBytes : 0;
        }

        _content = _contentBytes <= MaxLoggedBytes ? ContentWay.Logged
            : _maySum ? ContentWay.Checksummed
            : ContentWay.FencedBefore;
    }

    private void StageContent()
    {
        Debug.Assert(_content != ContentWay.None, "planned before");
        if (_hasPublished)
        {
            BringWritesIntoPublished();
        }

        if (_content == ContentWay.FencedBefore)
        {
            return;
        }

        foreach (ref readonly NewBlock item in _new.Blocks)
        {
            // Where unlogged memory is handed out, anything may have been written that way.
            if (!item.IsWritten && _maySum)
            {
                continue;
            }

            long offset = item.Offset;
            long size = item.SizeBytes;
            byte* start = _heap + offset;
            if (_content == ContentWay.Logged)
            {
                _medium.StoredUnseen(PersistSite.StoreNewBlock, start, size);
                _staging.Write(offset, start, size);
                continue;
            }

            size = LogEntries.Padded(size);
            _staging.Content(offset, size, NewContent.WriteBack(_medium, start, size, _core.Salt));
            NewLineCount += (size + CacheLines.Size - 1) / CacheLines.Size;
        }
    }

    /// <summary>What was written to a block before it was published is in the record already; behind it, the block's content must hold it too.</summary>
    private void BringWritesIntoPublished()
    {
        byte* end = _staging.End;
        for (byte* entry = _staging.Entries; entry < end;)
        {
            if (LogEntries.TryGetWrite(ref entry, out long offset, out byte* content, out long lengthBytes) && _new.Holds(offset, _core.Allocator))
            {
                Buffer.MemoryCopy(content, _heap + offset, lengthBytes, lengthBytes);
            }
        }
    }

    /// <summary>Makes the new blocks durable before the record that makes them reachable.</summary>
    private void WriteBackNewBlocks(int lane)
    {
        foreach (ref readonly NewBlock item in _new.Blocks)
        {
            byte* start = _heap + item.Offset;
            long size = item.SizeBytes;
            _medium.StoredUnseen(PersistSite.StoreNewBlock, start, size);
            _medium.WriteBack(PersistSite.WriteBackNewBlock, start, size);
            NewLineCount += (size + CacheLines.Size - 1) / CacheLines.Size;
        }

        _medium.Fence(PersistSite.FenceNewBlocks, ref _log[lane]->FenceCount, 0, 0);
    }

    private void EndContent()
    {
        if (_content == ContentWay.Checksummed && _contentBytes > MuchContentBytes)
        {
            _core.Checkpointer.Request();
        }

        _content = ContentWay.None;
        _hasPublished = false;
        _isAddingContent = false;
    }
}
