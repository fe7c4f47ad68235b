using System.Runtime.CompilerServices;
using Cscm.Memory.Allocation;
using Cscm.Memory.Log;
using Cscm.Memory.Media;
using Cscm.Memory.Medium;

namespace Cscm.Memory.Transactions;

/// <summary>
/// The way of a transaction's changes to the log, and from there to their homes, whatever they are: overflow, a full or shared lane, many or large new blocks, a medium
/// that may fail. The usual ones go shorter ways.
/// </summary>
internal sealed unsafe partial class TransactionContext
{
    private void CommitOutermost()
    {
        _core.ThrowIfUnusable(forWriting: true);
        if (_copies.Count != 0)
        {
            StageCopies();
        }

        long writesBytes = _staging.LengthBytes;
        if ((_new.Count | _freedCount) != 0)
        {
            StageAllocation(ref writesBytes);
        }

        if (!_staging.IsEmpty)
        {
            ulong sequence = CommitRecord(writesBytes);
            if (_freedCount != 0 || _overflow is not null)
            {
                Quarantine(sequence);
            }
        }

        Reset();
        Depth = 0;
    }

    /// <param name="appliedBytes">Up to the entries that leave the home locations alone: bits of bitmaps, and content of new blocks, which is there already.</param>
    private ulong CommitRecord(long appliedBytes)
    {
        LogArea log = _log;
        int lane = _ownLane;
        if (_new.Count != 0)
        {
            PlanContent();
        }

        ulong sequence = Append(log, ref lane, out long recordBytes);
        if (_participantCount != 0)
        {
            TellParticipants();
        }

        _isMarked = false;
        foreach (ref readonly NewBlock item in _new.Blocks)
        {
            if (!item.Run.IsDescribed)
            {
                item.Run.IsDescribed = true;
            }
        }

        if (appliedBytes != LogRecord.Size)
        {
            LogEntries.Apply(_medium, _core.Geometry, _core.Salt, _staging.Entries, _staging.Start + appliedBytes, isReplay: false);
        }

        log.Applied(lane);
        bool halfFull = log.IsHalfFull(lane);
        if (_ownLane < 0)
        {
            log.Release(lane);
        }

        if (halfFull)
        {
            _core.Checkpointer.Request();
        }

        CommitCount++;
        LogLineCount += recordBytes / CacheLines.Size;
        return sequence;
    }

    private ulong Append(LogArea log, ref int lane, out long recordBytes)
    {
        bool syncWholeFile = false;
        if (_new.Count != 0)
        {
            StageContent();
            syncWholeFile = _content == ContentWay.Checksummed;
        }

        recordBytes = _staging.Seal();
        LogRecord* record = _staging.Record;
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
            if (_content == ContentWay.FencedBefore)
            {
                WriteBackNewBlocks(lane);
            }

            long position = log.Complete(lane, sequence, record, recordBytes);
            MarkAllocation(isUndone: false);
            log.Append(lane, position, record, recordBytes, syncWholeFile);
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

    /// <summary>Adds the bits and descriptors to the record, the former behind what is applied to the home locations.</summary>
    private void StageAllocation(ref long appliedBytes)
    {
        Run? described = null;
        foreach (ref readonly NewBlock item in _new.Blocks)
        {
            Run run = item.Run;
            if (!run.IsDescribed && !ReferenceEquals(run, described))
            {
                described = run;
                _staging.Describe(run.HeaderOffset, run.Descriptor);
            }
        }

        appliedBytes = _staging.LengthBytes;
        foreach (ref readonly NewBlock item in _new.Blocks)
        {
            _staging.Bit(LogEntry.SetBit, item.Run.HeaderOffset, item.Index);
        }

        for (int i = 0; i < _freedCount; i++)
        {
            _staging.Bit(LogEntry.ClearBit, _freed[i].Run.HeaderOffset, _freed[i].Index);
        }
    }

    /// <summary>
    /// Tells the runs. Right before the record is streamed: interlocked instructions wait for the last commit's fence, as its streaming does anyway, and
    /// all that was done before them did not.
    /// </summary>
    private void MarkAllocation(bool isUndone)
    {
        if ((_new.Count | _freedCount) == 0)
        {
            return;
        }

        _isMarked = !isUndone;
        foreach (ref readonly NewBlock item in _new.Blocks)
        {
            item.Run.SetAllocated(item.Index, !isUndone);
        }

        for (int i = 0; i < _freedCount; i++)
        {
            _freed[i].Run.SetAllocated(_freed[i].Index, isUndone);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void StageCopies()
    {
        _copies.StageChanges(_staging);
        _copies.Clear();
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

    private void Quarantine(ulong sequence)
    {
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
