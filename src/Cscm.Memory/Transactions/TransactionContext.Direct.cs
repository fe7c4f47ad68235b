using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Cscm.Memory.Log;
using Cscm.Memory.Media;
using Cscm.Memory.Medium;

namespace Cscm.Memory.Transactions;

/// <summary>
/// The shortest way to the log, for an operation that is a transaction of its own, knows its few words beforehand, and runs where nothing can
/// fail: it puts whole entries into <see cref="DirectEntries"/>, appends them, stores the same words at home, and ends. What the processor
/// stores after a fence waits for that in a queue of some sixty places; as long as they last, it goes on to the next operation's misses
/// meanwhile. Hence no calls, no lists and no parsing of entries between the fence and the end (docs/decisions/0022).
/// </summary>
internal sealed unsafe partial class TransactionContext
{
    /// <summary>The most bytes of entries.</summary>
    public const int MaxDirectBytes = 168;

    private readonly bool _isDirect;

    /// <summary>Whether an operation that begins now may go this way.</summary>
    public bool IsDirect
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => _isDirect && Depth == 0;
    }

    /// <summary>Room for entries.</summary>
    public ulong* DirectEntries
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => (ulong*)_staging.Entries;
    }

    /// <summary>Makes the entries durable. The caller then stores what they say at home, and calls <see cref="EndDirect"/>. False, and nothing done: the lane is full.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryAppendDirect(int entriesBytes)
    {
        Debug.Assert(IsDirect && _staging.IsEmpty && entriesBytes <= MaxDirectBytes, "only where IsDirect, in its bounds");
        int lengthBytes = LogRecord.Size + entriesBytes;
        int recordBytes = (lengthBytes + CacheLines.Size - 1) & -CacheLines.Size;
        LogArea log = _log;
        if (!log.HasSpace(_ownLane, recordBytes))
        {
            return false;
        }

        LogRecord* record = _staging.Record;
        Vector512<byte>.Zero.Store((byte*)record + lengthBytes);
        record->LengthAndKind = LogRecord.Pack(lengthBytes, LogRecordKind.Transaction);
        CommitCount++;
        LogLineCount += recordBytes / CacheLines.Size;
        ulong sequence = log.TakeNumber(_ownLane);
        log.Append(_ownLane, log.Complete(_ownLane, sequence, record, recordBytes), record, recordBytes, syncWholeFile: false);
        return true;
    }

    /// <summary>The homes are updated.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void EndDirect()
    {
        _log.Applied(_ownLane);
        if (_log.IsHalfFull(_ownLane))
        {
            _core.Checkpointer.Request();
        }
    }
}
