using Cscm.Memory.Allocation;
using Cscm.Memory.Transactions;

namespace Cscm.Memory.Collections;

/// <summary>A record of a log: its number and its bytes, copied.</summary>
public sealed record ScmLogRecord(long Sequence, byte[] Content);

/// <summary>
/// A durable append log of byte strings, numbered from 0 on, whose oldest records can be cut off. It is a list of segments, freed as the
/// cut passes them. Each operation is a transaction of its own, of one fence; inside a transaction of the calling thread it becomes part of that one.
/// Threads: any number of readers, which take no lock, beside one writer; a transaction that has written keeps other writers of the log
/// waiting until it ends, and who writes several collections in one transaction does so in the same order everywhere, or deadlocks.
/// </summary>
public sealed unsafe class ScmLog
{
    private const long UsualSegmentBytes = 16 * 1024;
    private readonly HeapCore _core;
    private readonly CollectionGate _gate;
    private readonly long _header;
    private readonly byte* _start;

    /// <summary>The log of this name, made where there is none.</summary>
    /// <exception cref="ScmMismatchException">The name belongs to something else.</exception>
    public ScmLog(ScmHeap heap, string name)
        : this(heap, CollectionHeader.Named<ScmLogHeader>(heap, name))
    {
    }

    /// <summary>The log whose header is here; zeros are an empty log.</summary>
    public ScmLog(ScmHeap heap, Ptr<ScmLogHeader> header)
        : this(heap, header, "append log", LayoutFingerprint.Of<LogSegment>())
    {
    }

    internal ScmLog(ScmHeap heap, Ptr<ScmLogHeader> header, string kind, ulong layout)
    {
        ArgumentNullException.ThrowIfNull(heap);
        _core = heap.Core;
        _core.ThrowIfUnusable();
        _core.CheckRange(header.Offset, ScmLogHeader.Size);
        _start = _core.Start;
        _header = header.Offset;
        _gate = CollectionGate.Of(_core, _header);
        CollectionHeader.Claim(_core, _gate, _header, kind, layout);
    }

    /// <summary>The number of the oldest record; that of the next one when the log is empty.</summary>
    public long FirstSequence => ReadHeader().Head.Sequence;

    /// <summary>The number that the next record gets.</summary>
    public long NextSequence => ReadHeader().Tail.Sequence;

    /// <summary>Records in the log.</summary>
    public long Count
    {
        get
        {
            ScmLogHeader header = ReadHeader();
            return header.Tail.Sequence - header.Head.Sequence;
        }
    }

    /// <summary>Adds a record at the end and returns its number.</summary>
    /// <exception cref="ScmOutOfSpaceException">The heap is full; the log is unchanged.</exception>
    public long Append(ReadOnlySpan<byte> content)
    {
        TransactionContext context = _core.Context;
        context.Begin();
        bool isDone = false;
        long sequence;
        try
        {
            Enter(context);
            sequence = AppendIn(context, content);
            isDone = true;
        }
        finally
        {
            if (!isDone)
            {
                _gate.Abort(context);
            }
        }

        context.Commit();
        return sequence;
    }

    /// <summary>Cuts off all records before this number; beyond the end: all there are.</summary>
    public void TruncateBefore(long sequence)
    {
        TransactionContext context = _core.Context;
        context.Begin();
        bool isDone = false;
        try
        {
            Enter(context);
            ScmLogHeader header = Own<ScmLogHeader>(context, _header);
            Cut(context, header, Math.Min(sequence, header.Tail.Sequence));
            isDone = true;
        }
        finally
        {
            if (!isDone)
            {
                _gate.Abort(context);
            }
        }

        context.Commit();
    }

    /// <summary>Cuts off the oldest record and gives its bytes; null when there is none.</summary>
    public byte[]? TakeFirst() => TryTakeFirst(default, out byte[]? content) ? content : null;

    /// <summary>Cuts off the oldest record and copies its bytes: into the target, or where that is empty, into a new array.</summary>
    internal bool TryTakeFirst(Span<byte> target, out byte[]? content)
    {
        content = null;
        TransactionContext context = _core.Context;
        context.Begin();
        bool isDone = false;
        bool isFound;
        try
        {
            Enter(context);
            ScmLogHeader header = Own<ScmLogHeader>(context, _header);
            isFound = header.Head.Sequence < header.Tail.Sequence;
            if (isFound)
            {
                LogPlace place = Enter(context, header.Head);
                long length = Length(context, place);
                if (target.IsEmpty)
                {
                    content = new byte[length];
                    target = content;
                }

                fixed (byte* bytes = target)
                {
                    context.Read(place.Segment + place.At + sizeof(long), bytes, Math.Min(length, target.Length));
                }

                Cut(context, header, header.Head.Sequence + 1);
            }

            isDone = true;
        }
        finally
        {
            if (!isDone)
            {
                _gate.Abort(context);
            }
        }

        context.Commit();
        return isFound;
    }

    /// <summary>
    /// The records from this number on (or from the oldest), up to the end as it is when the walk gets there. A record that is cut off
    /// meanwhile is left out.
    /// </summary>
    public IEnumerable<ScmLogRecord> Read(long from = 0)
    {
        var cursor = new LogCursor(this, from);
        while (cursor.TryReadNext() is { } record)
        {
            yield return record;
        }
    }

    /// <summary>Reports the log's blocks to a check: <c>checker.Register&lt;ScmLogHeader&gt;(name, log.Walk)</c>.</summary>
    public void Walk(ScmHeap heap, Ptr<ScmLogHeader> self, PointerVisitor visit)
    {
        ArgumentNullException.ThrowIfNull(visit);
        for (long segment = ReadHeader().Head.Segment; segment != 0; segment = ((LogSegment*)(_start + segment))->Next)
        {
            visit.Visit(new Ptr<long>(segment));
            _core.CheckRange(segment, LogSegment.Size);
        }
    }

    private void Enter(TransactionContext context)
    {
        _gate.Enter(context);
        if (context.Depth > 1)
        {
            _gate.ChangeStructure();
        }
    }

    private long AppendIn(TransactionContext context, ReadOnlySpan<byte> content)
    {
        LogPlace tail = Own<ScmLogHeader>(context, _header).Tail;
        long recordBytes = sizeof(long) + ((content.Length + 7L) & ~7L);
        if (tail.Segment == 0 || tail.At + recordBytes > Own<LogSegment>(context, tail.Segment).Capacity)
        {
            tail = AddSegment(context, tail, recordBytes);
        }

        long offset = tail.Segment + tail.At;
        context.Write(offset, (ulong)content.Length);
        fixed (byte* bytes = content)
        {
            context.Write(offset + sizeof(long), bytes, content.Length);
        }

        _gate.ChangePart(_header);
        SetTail(context, new LogPlace { Segment = tail.Segment, At = tail.At + recordBytes, Sequence = tail.Sequence + 1 });
        return tail.Sequence;
    }

    private LogPlace AddSegment(TransactionContext context, LogPlace tail, long recordBytes)
    {
        _gate.ChangeStructure();
        Block block = context.Allocate(Math.Max(UsualSegmentBytes, LogSegment.Size + recordBytes), 64, zeroed: false);
        *(LogSegment*)(_start + block.Offset) = new LogSegment { FirstSequence = tail.Sequence, Capacity = Math.Max(UsualSegmentBytes, LogSegment.Size + recordBytes) };
        var place = new LogPlace { Segment = block.Offset, At = LogSegment.Size, Sequence = tail.Sequence };
        if (tail.Segment == 0)
        {
            SetHead(context, place);
        }
        else
        {
            context.Write(tail.Segment, (ulong)block.Offset);
            context.Write(tail.Segment + sizeof(long), (ulong)tail.At);
        }

        return place;
    }

    /// <summary>Moves the head to the record of this number, which is at most the next.</summary>
    private void Cut(TransactionContext context, ScmLogHeader header, long sequence)
    {
        if (header.Head.Sequence < sequence)
        {
            LogPlace head = header.Head;
            while (head.Sequence < sequence)
            {
                SkipOldest(context, ref head, header.Tail, sequence);
            }

            SetHead(context, head);
        }
    }

    /// <summary>Moves the head over one record or, before <paramref name="upTo"/>, a whole segment, which is freed. The last segment stays.</summary>
    private void SkipOldest(TransactionContext context, ref LogPlace head, LogPlace tail, long upTo)
    {
        _gate.ChangeStructure();
        LogSegment segment = Own<LogSegment>(context, head.Segment);
        if (head.Segment != tail.Segment)
        {
            long nextFirst = Own<LogSegment>(context, segment.Next).FirstSequence;
            if (nextFirst <= upTo || head.At == segment.End)
            {
                if (!_core.Allocator.TryFind(head.Segment, out Block block))
                {
                    throw Damaged(head.Segment);
                }

                head = new LogPlace { Segment = segment.Next, At = LogSegment.Size, Sequence = nextFirst };
                context.Free(block);
                return;
            }
        }

        head.At += sizeof(long) + ((Length(context, head) + 7) & ~7L);
        head.Sequence++;
    }

    /// <summary>The place of the record itself: at the end of a segment, that is the start of the next.</summary>
    private LogPlace Enter(TransactionContext context, LogPlace place)
    {
        LogSegment segment = Own<LogSegment>(context, place.Segment);
        return segment.Next != 0 && place.At == segment.End
            ? place with { Segment = segment.Next, At = LogSegment.Size }
            : place;
    }

    private long Length(TransactionContext context, LogPlace place)
    {
        long length = Own<long>(context, place.Segment + place.At);
        return length >= 0 && length <= _core.Geometry.SizeBytes ? length : throw Damaged(place.Segment + place.At);
    }

    private void SetHead(TransactionContext context, LogPlace head) =>
        context.Write(_header + ScmLogHeader.HeadAt, (byte*)&head, ScmLogHeader.EndBytes);

    private void SetTail(TransactionContext context, LogPlace tail) =>
        context.Write(_header + ScmLogHeader.TailAt, (byte*)&tail, ScmLogHeader.EndBytes);

    /// <summary>An object as the writing transaction sees it.</summary>
    private T Own<T>(TransactionContext context, long offset)
        where T : unmanaged
    {
        if (!IsInside(offset, sizeof(T)))
        {
            throw Damaged(offset);
        }

        T value;
        context.Read(offset, (byte*)&value, sizeof(T));
        return value;
    }

    private bool IsInside(long offset, long lengthBytes)
    {
        Media.HeapGeometry geometry = _core.Geometry;
        return offset >= geometry.DataOffset && lengthBytes >= 0 && offset <= geometry.SizeBytes - lengthBytes;
    }

    private ScmCorruptionException Damaged(long offset) =>
        _core.Corrupt(_header, $"the log here points to 0x{offset:x}, where no record can be", "Restore the heap from a backup");

    private ScmLogHeader ReadHeader()
    {
        _core.ThrowIfUnusable();
        if (_gate.IsMine(_core))
        {
            return Own<ScmLogHeader>(_core.Context, _header);
        }

        var spinner = default(SpinWait);
        while (true)
        {
            uint structure = _gate.StructureVersion;
            uint* stripe = _gate.Stripe(_header);
            uint part = Volatile.Read(ref *stripe);
            ScmLogHeader header = *(ScmLogHeader*)(_start + _header);
            if (_gate.IsUnchanged(structure, stripe, part))
            {
                return header;
            }

            spinner.SpinOnce(sleep1Threshold: -1);
        }
    }

    /// <summary>Reads record after record. What is committed behind the tail never changes; only a cut can take it away.</summary>
    private sealed class LogCursor(ScmLog log, long from)
    {
        private LogPlace _place;
        private long _wanted = from;

        public ScmLogRecord? TryReadNext()
        {
            var spinner = default(SpinWait);
            while (true)
            {
                uint structure = log._gate.StructureVersion;
                ScmLogHeader header = log.ReadHeader();
                bool isMine = log._gate.IsMine(log._core);
                byte[]? content = null;
                bool isSound = true;
                LogPlace place = _place;
                if (place.Segment == 0 || place.Sequence < header.Head.Sequence || _wanted < header.Head.Sequence)
                {
                    place = header.Head;
                }

                _wanted = Math.Max(_wanted, header.Head.Sequence);
                while (isSound && content is null && place.Sequence < header.Tail.Sequence)
                {
                    isSound = TryStep(isMine, ref place, out content);
                }

                if (isMine || log._gate.IsUnchanged(structure))
                {
                    if (!isSound)
                    {
                        throw log.Damaged(place.Segment + place.At);
                    }

                    _place = place;
                    return content is null ? null : new ScmLogRecord(_wanted++, content);
                }

                spinner.SpinOnce(sleep1Threshold: -1);
            }
        }

        /// <summary>Goes over one record, or into the next segment; copies the record that is wanted. False: that makes no sense.</summary>
        private bool TryStep(bool isMine, ref LogPlace place, out byte[]? content)
        {
            content = null;
            if (!TryGet(isMine, place.Segment, out LogSegment segment))
            {
                return false;
            }

            if (segment.Next != 0)
            {
                if (!TryGet(isMine, segment.Next, out LogSegment next))
                {
                    return false;
                }

                if (place.At == segment.End || next.FirstSequence <= _wanted)
                {
                    place = new LogPlace { Segment = segment.Next, At = LogSegment.Size, Sequence = next.FirstSequence };
                    return true;
                }
            }

            long offset = place.Segment + place.At;
            if (!TryGet(isMine, offset, out long length) || length > int.MaxValue || !log.IsInside(offset + sizeof(long), length))
            {
                return false;
            }

            if (place.Sequence == _wanted)
            {
                content = new byte[length];
                fixed (byte* target = content)
                {
                    if (isMine)
                    {
                        log._core.Context.Read(offset + sizeof(long), target, length);
                    }
                    else
                    {
                        Buffer.MemoryCopy(log._start + offset + sizeof(long), target, length, length);
                    }
                }
            }

            place.At += sizeof(long) + ((length + 7) & ~7L);
            place.Sequence++;
            return true;
        }

        private bool TryGet<T>(bool isMine, long offset, out T value)
            where T : unmanaged
        {
            value = default;
            if (!log.IsInside(offset, sizeof(T)))
            {
                return false;
            }

            value = isMine ? log.Own<T>(log._core.Context, offset) : *(T*)(log._start + offset);
            return true;
        }
    }
}
