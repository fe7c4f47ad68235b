using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Cscm.Memory.Allocation;
using Cscm.Memory.Log;
using Cscm.Memory.Media;
using Cscm.Memory.Medium;

namespace Cscm.Memory.Transactions;

/// <summary>
/// The usual commit, where nothing can fail: fields written, some blocks allocated and freed. The processor goes on behind a fence until some fifty
/// stores wait for it, those of calls and of variables that do not fit into registers included. Hence one method whose usual way has no calls, no handlers and few
/// stores (docs/decisions/0024).
/// </summary>
internal sealed unsafe partial class TransactionContext
{
    private const int MaxShortBlocks = 8;

    /// <summary>Commits the outermost transaction. False, and nothing done: it takes <see cref="CommitOtherwise"/>.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool TryCommitShort()
    {
        LogArea log = _log;
        StagingBuffer staging = _staging;
        int lane = _ownLane;
        if (!MayBeShort() || !IsLittleNew(out long contentBytes))
        {
            return false;
        }

        if (_copies.Count != 0)
        {
            StageCopies();
        }

        ReadOnlySpan<NewBlock> created = _new.Blocks;
        ReadOnlySpan<Block> freed = new(_freed, 0, _freedCount);
        long writesBytes = staging.LengthBytes;
        long lengthBytes = writesBytes + ((created.Length + freed.Length) * sizeof(ulong)) + contentBytes;
        if (lengthBytes != LogRecord.Size)
        {
            long recordBytes = MediaLayout.AlignUp(lengthBytes, CacheLines.Size);
            if (recordBytes > log.MaxRecordBytes || !log.HasSpace(lane, recordBytes))
            {
                return false;
            }

            ulong* entry = staging.Room(lengthBytes - writesBytes);
            foreach (ref readonly NewBlock item in created)
            {
                *entry++ = LogEntry.Tag(LogEntry.SetBit, item.Run.HeaderOffset, item.Index);
            }

            foreach (ref readonly Block block in freed)
            {
                *entry++ = LogEntry.Tag(LogEntry.ClearBit, block.Run.HeaderOffset, block.Index);
            }

            if (contentBytes != 0)
            {
                StageLittleContent(entry);
            }

            LogRecord* record = staging.Record;
            Vector512<byte>.Zero.Store((byte*)record + lengthBytes);
            record->LengthAndKind = LogRecord.Pack(lengthBytes, LogRecordKind.Transaction);
            ulong sequence = log.TakeNumber(lane);
            long position = log.Complete(lane, sequence, record, recordBytes);
            foreach (ref readonly NewBlock item in created)
            {
                item.Run.SetAllocated(item.Index, isAllocated: true);
            }

            foreach (ref readonly Block block in freed)
            {
                block.Run.SetAllocated(block.Index, isAllocated: false);
            }

            CommitCount++;
            LogLineCount += recordBytes / CacheLines.Size;
            log.Append(lane, position, record, recordBytes, syncWholeFile: false);
            if (_participantCount != 0)
            {
                TellParticipants();
            }

            if (writesBytes != LogRecord.Size)
            {
                LogEntries.Apply(_medium, _core.Geometry, _core.Salt, staging.Entries, staging.Start + writesBytes, isReplay: false);
            }

            log.Applied(lane);
            if (log.IsHalfFull(lane))
            {
                _core.Checkpointer.Request();
            }

            foreach (ref readonly Block block in freed)
            {
                Quarantine(block, sequence);
            }
        }

        Depth = 0;
        Forget();
        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool MayBeShort() =>
        _isDirect && Depth == 1 && !_isDoomed && !_hasPublished && _core.IsWritable &&
        _new.Count + _freedCount <= MaxShortBlocks && (_new.Count == 0 || !_core.HandsOutUnlogged);

    /// <summary>Whether new blocks are in runs that are described, and what they hold fits into the record; and how many bytes of it that takes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool IsLittleNew(out long recordedBytes)
    {
        recordedBytes = 0;
        foreach (ref readonly NewBlock item in _new.Blocks)
        {
            if (!item.Run.IsDescribed)
            {
                return false;
            }

            if (item.IsWritten)
            {
                recordedBytes += sizeof(ulong) + LogEntries.Padded(item.SizeBytes);
                if (item.SizeBytes >= (long)LogEntry.ArgumentMask)
                {
                    return false;
                }
            }
        }

        return recordedBytes <= MaxLoggedBytes;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void StageLittleContent(ulong* entry)
    {
        foreach (ref readonly NewBlock item in _new.Blocks)
        {
            if (item.IsWritten)
            {
                long offset = item.Offset;
                byte* start = _heap + offset;
                _medium.StoredUnseen(PersistSite.StoreNewBlock, start, item.SizeBytes);
                *entry++ = LogEntry.Tag(LogEntry.Write, offset, item.SizeBytes);
                long padded = LogEntries.Padded(item.SizeBytes);
                StagingBuffer.CopyPadded((byte*)entry, start, item.SizeBytes, padded);
                entry = (ulong*)((byte*)entry + padded);
            }
        }
    }
}
