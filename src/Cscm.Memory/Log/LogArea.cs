using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Cscm.Memory.Media;
using Cscm.Memory.Medium;

namespace Cscm.Memory.Log;

/// <summary>
/// The lanes of a heap. A commit takes a lane, a sequence number and space, streams its record and fences once; the record is then
/// durable. Thread-safe: a lane is locked for the time of one append.
/// </summary>
internal sealed unsafe class LogArea : IDisposable
{
    private const ulong ClaimedTogether = 64;
    private readonly MediumPort _medium;
    private readonly Lane* _lanes;
    private readonly void* _memory;
    private readonly ulong* _sequence;
    private readonly int* _paused;
    private readonly ulong _saltKey;
    private readonly long _laneMask;
    private readonly int _laneShift;
    private ulong _ended;

    public LogArea(MediumPort medium, long logOffset, int laneCount, long laneBytes, ulong salt)
    {
        _medium = medium;
        LogOffset = logOffset;
        LaneCount = laneCount;
        LaneBytes = laneBytes;
        _laneMask = laneBytes - 1;
        _laneShift = System.Numerics.BitOperations.Log2((ulong)laneBytes);
        _saltKey = salt;
        nuint size = (nuint)((laneCount + 1) * Lane.Size);
        _memory = NativeMemory.AlignedAlloc(size, Lane.Size);
        NativeMemory.Clear(_memory, size);
        _sequence = (ulong*)_memory;
        _paused = (int*)((byte*)_memory + (Lane.Size / 2));
        _lanes = (Lane*)((byte*)_memory + Lane.Size);
    }

    public long LogOffset { get; }

    public int LaneCount { get; }

    public long LaneBytes { get; }

    public long LogBytes => LaneCount * LaneBytes;

    /// <summary>The longest record that may go into a lane; longer transactions overflow into extents.</summary>
    public long MaxRecordBytes => LaneBytes / 4;

    /// <summary>No number beyond this was given out.</summary>
    public ulong Sequence => Volatile.Read(ref *_sequence);

    public Lane* this[int lane] => _lanes + lane;

    public byte* PhysicalStart(int lane) => _medium.Start + LogOffset + (lane * LaneBytes);

    public byte* Address(int lane, long position) => PhysicalStart(lane) + (position & _laneMask);

    public long LapStartAfter(long position) => (position + _laneMask + 1) & ~_laneMask;

    /// <summary>The salt of a lap: what was written there in an earlier lap, or in another heap, fails its checksum.</summary>
    public ulong LapSalt(int lane, long position) =>
        _medium.Keeps(PersistSite.SaltLap)
            ? MediaHash.Mix(((ulong)lane << 48) ^ (ulong)(position >> _laneShift), _saltKey)
            : _saltKey;

    /// <summary>Sets the state after recovery: empty lanes at these positions.</summary>
    public void Reset(ReadOnlySpan<long> positions, ulong sequence)
    {
        *_sequence = sequence;
        _ended = sequence;
        for (int i = 0; i < LaneCount; i++)
        {
            _lanes[i] = new Lane { Head = positions[i], Tail = positions[i], Salt = LapSalt(i, positions[i]), NextClaimed = 1 };
        }
    }

    /// <summary>Lanes below this number belong to one thread each and need no lock; the threads that come later share the rest.</summary>
    public int OwnedLanes => LaneCount - ((LaneCount + 3) / 4);

    /// <summary>Takes the caller's own lane, or any shared one. Spins while all are taken: appends are short.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int Acquire(int ownLane) => ownLane >= 0 ? ownLane : AcquireShared();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Release(int lane) => Volatile.Write(ref _lanes[lane].Locked, 0);

    /// <summary>Whether a record of this many bytes (a multiple of 64) fits now.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool HasSpace(int lane, long recordBytes)
    {
        Lane* state = _lanes + lane;
        long head = state->Head;
        long toLapEnd = LaneBytes - (head & _laneMask);
        long needed = recordBytes > toLapEnd ? recordBytes + toLapEnd : recordBytes;
        return head + needed - Volatile.Read(ref state->Tail) <= LaneBytes;
    }

    /// <summary>More than half of the lane awaits a checkpoint.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool IsHalfFull(int lane) => _lanes[lane].Head - Volatile.Read(ref _lanes[lane].Tail) > LaneBytes / 2;

    /// <summary>
    /// Completes the record, whose kind and length are set and whose padding to a line is zero: returns its position in the lane. The caller holds the
    /// lane, has seen <see cref="HasSpace"/> and taken the number, and appends it next.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public long Complete(int lane, ulong sequence, LogRecord* record, long recordBytes)
    {
        Lane* state = _lanes + lane;
        long position = state->Head;
        long physical = position & _laneMask;
        if (physical + recordBytes > LaneBytes || physical == 0)
        {
            long start = StartLap(lane, position, recordBytes, sequence);
            record->Kind = start == position ? record->Kind : (LogRecordKind)((uint)record->Kind | (uint)LogRecordKind.AfterPad);
            position = start;
        }

        record->Sequence = sequence;
        record->Checksum = 0;
        record->Checksum = MediaHash.Compute((byte*)record, record->LengthBytes, state->Salt);
        return position;
    }

    /// <summary>
    /// Streams a completed record, and makes it durable, together with what this thread wrote back before. The caller calls
    /// <see cref="Applied"/> when the home locations are updated.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Append(int lane, long position, LogRecord* record, long recordBytes, bool syncWholeFile)
    {
        Lane* state = _lanes + lane;
        _medium.Stream(PersistSite.StoreRecord, PhysicalStart(lane) + (position & _laneMask), (byte*)record, recordBytes);
        _medium.Fence(PersistSite.FenceCommit, ref state->FenceCount, syncWholeFile ? 0 : LogOffset, syncWholeFile ? 0 : LogBytes);
        Volatile.Write(ref state->Head, position + recordBytes);
    }

    /// <summary>
    /// Gives out the next number, to be committed in this lane; from here on the horizon waits for <see cref="Applied"/>. A lane claims
    /// <see cref="ClaimedTogether"/> numbers at once, and uses them as long as nothing was claimed since: an interlocked instruction for each commit would wait for
    /// the former commit's fence. Who claims later gets higher numbers, so that whoever has seen a commit is numbered behind it.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong TakeNumber(int lane)
    {
        Lane* state = _lanes + lane;
        ulong number = state->NextClaimed;
        // Announced before the counter is looked at, without a barrier of our own: who wants to see all that is in flight, moves the counter
        // and has a barrier for all threads.
        Volatile.Write(ref state->InFlight, number);
        if (Volatile.Read(ref *_sequence) == state->LastClaimed && number <= state->LastClaimed)
        {
            state->NextClaimed = number + 1;
            return number;
        }

        return Claim(state);
    }

    /// <summary>The home locations hold the record's values: the horizon may pass it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Applied(int lane) => Volatile.Write(ref _lanes[lane].InFlight, 0);

    /// <summary>Fences that all appends made.</summary>
    public long FenceCount()
    {
        long count = 0;
        for (int i = 0; i < LaneCount; i++)
        {
            count += Volatile.Read(ref _lanes[i].FenceCount);
        }

        return count;
    }

    /// <summary>Holds commits back, and returns when none is under way. One caller at a time.</summary>
    public void Pause()
    {
        Volatile.Write(ref *_paused, 1);
        EndClaims();
        var spinner = default(SpinWait);
        while (IsAnyInFlight())
        {
            spinner.SpinOnce();
        }
    }

    public void Resume() => Volatile.Write(ref *_paused, 0);

    /// <summary>
    /// The greatest sequence number up to which every transaction has been applied. One caller at a time.
    /// </summary>
    public ulong AppliedUpTo()
    {
        if (Sequence != _ended)
        {
            _ended = EndClaims();
        }

        // No commit that is not in flight by now gets a number up to this one.
        ulong upTo = _ended;
        for (int i = 0; i < LaneCount; i++)
        {
            ulong inFlight = Volatile.Read(ref _lanes[i].InFlight);
            if (inFlight != 0)
            {
                upTo = Math.Min(upTo, inFlight - 1);
            }
        }

        return upTo;
    }

    public void Dispose() => NativeMemory.AlignedFree(_memory);

    private bool IsAnyInFlight()
    {
        for (int i = 0; i < LaneCount; i++)
        {
            if (Volatile.Read(ref _lanes[i].InFlight) != 0)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>
    /// Takes a number from the counter, which ends all claims: a commit that begins from now on gets a higher one. Those that
    /// still use a claim can be seen in flight when this returns. The number is a hole.
    /// </summary>
    private ulong EndClaims()
    {
        if (!_medium.Keeps(PersistSite.EndClaims))
        {
            return Sequence;
        }

        ulong number = Interlocked.Increment(ref *_sequence);
        Interlocked.MemoryBarrierProcessWide();
        return number;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private ulong Claim(Lane* state)
    {
        var spinner = default(SpinWait);
        while (true)
        {
            // A lower bound of our number is published before the number exists: who moves the counter and then looks either sees the bound, or
            // moved it below our number. The interlocked addition orders the two.
            Volatile.Write(ref state->InFlight, Volatile.Read(ref *_sequence) + 1);
            ulong last = Interlocked.Add(ref *_sequence, ClaimedTogether);
            if (Volatile.Read(ref *_paused) == 0)
            {
                state->LastClaimed = last;
                state->NextClaimed = last - ClaimedTogether + 2;
                return last - ClaimedTogether + 1;
            }

            // Given back unused: holes.
            Volatile.Write(ref state->InFlight, 0);
            while (Volatile.Read(ref *_paused) != 0)
            {
                spinner.SpinOnce();
            }
        }
    }

    private int AcquireShared()
    {
        var spinner = default(SpinWait);
        while (true)
        {
            for (int lane = OwnedLanes; lane < LaneCount; lane++)
            {
                if (Interlocked.CompareExchange(ref _lanes[lane].Locked, 1, 0) == 0)
                {
                    return lane;
                }
            }

            spinner.SpinOnce();
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private long StartLap(int lane, long head, long recordBytes, ulong sequence)
    {
        long physical = head & _laneMask;
        if (physical + recordBytes > LaneBytes)
        {
            // The pad becomes durable with the record that follows it, under the same fence.
            byte* line = stackalloc byte[2 * CacheLines.Size];
            line = (byte*)(((nuint)line + CacheLines.Size - 1) & ~(nuint)(CacheLines.Size - 1));
            new Span<byte>(line, CacheLines.Size).Clear();
            var pad = (LogRecord*)line;
            pad->Sequence = sequence;
            pad->LengthBytes = LogRecord.Size;
            pad->Kind = LogRecordKind.Pad;
            pad->Checksum = MediaHash.Compute(line, LogRecord.Size, _lanes[lane].Salt);
            _medium.Stream(PersistSite.StorePad, PhysicalStart(lane) + physical, line, CacheLines.Size);
            head = LapStartAfter(head);
        }

        _lanes[lane].Salt = LapSalt(lane, head);
        return head;
    }
}
