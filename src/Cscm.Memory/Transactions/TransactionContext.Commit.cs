using System.Runtime.CompilerServices;
using Cscm.Memory.Allocation;
using Cscm.Memory.Log;
using Cscm.Memory.Media;
using Cscm.Memory.Medium;

namespace Cscm.Memory.Transactions;

/// <summary>The way of a transaction's changes to the log, and from there to their homes.</summary>
internal sealed unsafe partial class TransactionContext
{
    private void CommitOutermost()
    {
        _core.ThrowIfUnusable(forWriting: true);
        if (_copies.Count != 0)
        {
            _copies.StageChanges(_staging);
        }

        long unappliedBytes = 0;
        if ((_new.Count | _freedCount) != 0)
        {
            StageAllocation();
            if (_new.Count != 0)
            {
                unappliedBytes = StageNewContent();
            }
        }

        if (!_staging.IsEmpty)
        {
            ulong sequence = CommitRecord(unappliedBytes);
            if ((_new.Count | _freedCount) != 0 || _overflow is not null)
            {
                SettleAllocation(sequence);
            }
        }

        Reset();
        Depth = 0;
    }

    /// <param name="unappliedBytes">Of entries at the end whose homes hold them already.</param>
    private ulong CommitRecord(long unappliedBytes)
    {
        long recordBytes = _staging.Seal();
        LogArea log = _core.Log;
        int lane = _ownLane;
        ulong sequence;
        // The usual commit: nothing on its way can fail, so it needs no handler.
        if (lane >= 0 && !_medium.MayFail && (_new.Count == 0 || _newIsLogged) && recordBytes <= log.MaxRecordBytes && log.HasSpace(lane, recordBytes))
        {
            sequence = log.TakeNumber(lane);
            log.Append(lane, sequence, _staging.Record, recordBytes, syncWholeFile: false);
        }
        else
        {
            sequence = AppendOtherwise(log, ref lane, ref recordBytes);
        }

        if (_participantCount != 0)
        {
            TellParticipants();
        }

        LogEntries.Apply(_medium, _core.Geometry, _core.Salt, _staging.Entries, _staging.End - unappliedBytes);
        log.Applied(lane);
        bool halfFull = log.IsHalfFull(lane);
        log.Release(lane);
        if (halfFull)
        {
            _core.Checkpointer.Request();
        }

        CommitCount++;
        LogLineCount += recordBytes / CacheLines.Size;
        return sequence;
    }

    /// <summary>Overflow, a full or shared lane, large new blocks, a medium that may fail.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private ulong AppendOtherwise(LogArea log, ref int lane, ref long recordBytes)
    {
        LogRecord* record = _staging.Record;
        bool syncWholeFile = false;
        if (recordBytes > log.MaxRecordBytes)
        {
            recordBytes = WriteOverflow(out record);
            syncWholeFile = true;
        }

        lane = log.Acquire(lane);
        try
        {
            // Seen under the lane's lock: a lane whose append failed is never appended to again.
            _core.ThrowIfUnusable();
            if (!log.HasSpace(lane, recordBytes))
            {
                _core.Checkpointer.MakeSpace(lane, recordBytes);
            }

            // The number first: an interlocked instruction would wait for the write-backs.
            ulong sequence = log.TakeNumber(lane);
            if (_new.Count != 0 && !_newIsLogged)
            {
                WriteBackNewBlocks(lane);
            }

            log.Append(lane, sequence, record, recordBytes, syncWholeFile);
            return sequence;
        }
        catch (Exception failure)
        {
            // The record may or may not be durable, and its lane can take no other: nothing more is written until recovery decides.
            _core.Fail(failure);
            log.Release(lane);
            throw;
        }
    }

    /// <summary>Adds the bits and descriptors to the record.</summary>
    private void StageAllocation()
    {
        Run? described = null;
        ReadOnlySpan<Block> blocks = _new.Blocks;
        for (int i = 0; i < blocks.Length; i++)
        {
            ref readonly Block block = ref blocks[i];
            Run run = block.Run;
            if (!run.IsDescribed && !ReferenceEquals(run, described))
            {
                described = run;
                _staging.Describe(run.HeaderOffset, run.Descriptor);
            }

            _staging.Bit(LogEntry.SetBit, run.HeaderOffset, block.Index);
        }

        for (int i = 0; i < _freedCount; i++)
        {
            _staging.Bit(LogEntry.ClearBit, _freed[i].Run.HeaderOffset, _freed[i].Index);
        }
    }

    /// <summary>
    /// Logs what new blocks hold, if it is little; returns the bytes of entries for it. Written back under the record's own fence instead, it
    /// could be missing while the record is whole: recovery would then show a transaction that was not acknowledged, by half (docs/decisions/0014).
    /// </summary>
    private long StageNewContent()
    {
        ReadOnlySpan<Block> blocks = _new.Blocks;
        long bytes = 0;
        for (int i = 0; i < blocks.Length; i++)
        {
            bytes += _new.SizeBytes(i);
        }

        _newIsLogged = bytes <= MaxLoggedNewBytes;
        if (!_newIsLogged)
        {
            return 0;
        }

        long before = _staging.LengthBytes;
        for (int i = 0; i < blocks.Length; i++)
        {
            long offset = blocks[i].Offset;
            long size = _new.SizeBytes(i);
            _medium.StoredUnseen(PersistSite.StoreNewBlock, _heap + offset, size);
            _staging.Write(offset, _heap + offset, size);
        }

        return _staging.LengthBytes - before;
    }

    /// <summary>Makes large new blocks durable before the record that makes them reachable: the one case of a second fence.</summary>
    private void WriteBackNewBlocks(int lane)
    {
        ReadOnlySpan<Block> blocks = _new.Blocks;
        for (int i = 0; i < blocks.Length; i++)
        {
            byte* start = _heap + blocks[i].Offset;
            long size = _new.SizeBytes(i);
            _medium.StoredUnseen(PersistSite.StoreNewBlock, start, size);
            _medium.WriteBack(PersistSite.WriteBackNewBlock, start, size);
            NewLineCount += (size + CacheLines.Size - 1) / CacheLines.Size;
        }

        _medium.Fence(PersistSite.FenceNewBlocks, ref _core.Log[lane]->FenceCount, 0, 0);
    }

    private long WriteOverflow(out LogRecord* record)
    {
        _overflow = new OverflowWriter();
        _overflowRecord ??= new StagingBuffer();
        long recordBytes = _overflow.Write(_core, this, _staging, _overflowRecord);
        if (recordBytes > _core.Log.MaxRecordBytes)
        {
            throw _core.Exhausted(
                $"a transaction of {_staging.LengthBytes} bytes needs more pieces than its record holds", "Checkpoint or grow the heap, or use a larger log");
        }

        record = _overflowRecord.Record;
        return recordBytes;
    }

    private void SettleAllocation(ulong sequence)
    {
        foreach (ref readonly Block block in _new.Blocks)
        {
            block.Run.IsDescribed = true;
        }

        for (int i = 0; i < _freedCount; i++)
        {
            // Older records may still write to the block when replayed: it is kept aside until the horizon has passed this one.
            Quarantine(_freed[i], sequence);
        }

        if (_overflow is not null)
        {
            // Replay still reads these.
            foreach (Block block in _overflow.Blocks)
            {
                Quarantine(block, sequence);
            }

            _overflow.Clear();
        }
    }

    private void Quarantine(in Block block, ulong sequence)
    {
        _quarantine.Add(block, sequence);
        if (_quarantine.IsFull)
        {
            FlushQuarantine();
        }
    }
}
