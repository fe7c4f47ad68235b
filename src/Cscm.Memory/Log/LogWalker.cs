using Cscm.Memory.Media;
using Cscm.Memory.Medium;

namespace Cscm.Memory.Log;

/// <summary>Reads the records of one lane in order, from its tail to the first that is not valid.</summary>
internal unsafe ref struct LogWalker
{
    private readonly LogArea _log;
    private readonly MediumPort _medium;
    private readonly long _heapBytes;
    private readonly ulong _heapSalt;
    private readonly int _lane;
    private readonly bool _verify;
    private ulong _salt;

    // verify: false where the records are known to be this process's own.
    public LogWalker(HeapCore core, int lane, long position, bool verify)
    {
        _log = core.Log;
        _medium = core.Medium;
        _heapBytes = core.Geometry.SizeBytes;
        _heapSalt = core.Salt;
        _lane = lane;
        _verify = verify;
        Position = position;
        _salt = _log.LapSalt(lane, position);
    }

    /// <summary>Logical position of the next record.</summary>
    public long Position { get; private set; }

    /// <summary>The next record that is no padding, or null; <see cref="Position"/> moves behind it. Stops at <paramref name="limit"/>.</summary>
    public LogRecord* Next(long limit = long.MaxValue)
    {
        while (Position < limit)
        {
            byte* address = _log.Address(_lane, Position);
            var record = (LogRecord*)address;
            long room = _log.PhysicalStart(_lane) + _log.LaneBytes - address;
            if (_verify && !IsValid(record, room))
            {
                if (!IsMissingPad())
                {
                    return null;
                }

                Position = _log.LapStartAfter(Position);
                _salt = _log.LapSalt(_lane, Position);
                continue;
            }

            if (record->Kind == LogRecordKind.Pad)
            {
                Position = _log.LapStartAfter(Position);
                _salt = _log.LapSalt(_lane, Position);
                continue;
            }

            Position += MediaLayout.AlignUp(record->LengthBytes, CacheLines.Size);
            if ((Position & (_log.LaneBytes - 1)) == 0)
            {
                _salt = _log.LapSalt(_lane, Position);
            }

            return record;
        }

        return null;
    }

    /// <summary>The record at the position, padding included; null where none is valid.</summary>
    public readonly LogRecord* Peek()
    {
        var record = (LogRecord*)_log.Address(_lane, Position);
        return IsValid(record, _log.PhysicalStart(_lane) + _log.LaneBytes - (byte*)record) ? record : null;
    }

    /// <summary>Whether this lap ends here with a pad that did not arrive: the next lap's first record says so, and nothing in between denies it.</summary>
    private readonly bool IsMissingPad()
    {
        long next = _log.LapStartAfter(Position);
        if (next == Position || (Position & (_log.LaneBytes - 1)) == 0)
        {
            return false;
        }

        LogWalker atNext = this;
        atNext.Position = next;
        atNext._salt = _log.LapSalt(_lane, next);
        LogRecord* first = atNext.Peek();
        if (first == null || !first->FollowsPad)
        {
            return false;
        }

        LogWalker between = this;
        for (between.Position += CacheLines.Size; between.Position < next; between.Position += CacheLines.Size)
        {
            if (between.Peek() != null)
            {
                return false;
            }
        }

        return true;
    }

    private readonly bool IsValid(LogRecord* record, long room)
    {
        uint length = record->LengthBytes;
        if (length < LogRecord.Size || length > room || length % sizeof(ulong) != 0 || record->Sequence == 0 ||
            record->BareKind is not (LogRecordKind.Transaction or LogRecordKind.Pad or LogRecordKind.Overflow))
        {
            return false;
        }

        if (!_medium.Keeps(PersistSite.ChecksumRecord))
        {
            return record->BareKind != LogRecordKind.Overflow || RecordParts.ArePiecesIntact(_medium, _heapBytes, _heapSalt, record);
        }

        // The checksum was computed with its own field zero.
        LogRecord header = *record;
        ulong expected = header.Checksum;
        return expected == Checksum(record, length) &&
            (record->BareKind != LogRecordKind.Overflow || RecordParts.ArePiecesIntact(_medium, _heapBytes, _heapSalt, record));
    }

    private readonly ulong Checksum(LogRecord* record, uint length)
    {
        byte[]? rented = null;
        Span<byte> copy = length <= 1024 ? stackalloc byte[1024] : (rented = System.Buffers.ArrayPool<byte>.Shared.Rent((int)length));
        new ReadOnlySpan<byte>(record, (int)length).CopyTo(copy);
        fixed (byte* start = copy)
        {
            ((LogRecord*)start)->Checksum = 0;
            ulong checksum = MediaHash.Compute(start, length, _salt);
            if (rented is not null)
            {
                System.Buffers.ArrayPool<byte>.Shared.Return(rented);
            }

            return checksum;
        }
    }
}
