using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Cscm.Memory.Log;
using Cscm.Memory.Media;

namespace Cscm.Memory.Transactions;

/// <summary>The record under construction, in DRAM, line-aligned; it grows by doubling. Used by one thread.</summary>
internal sealed unsafe class StagingBuffer : IDisposable
{
#if DEBUG
    private const long InitialBytes = 256;
#else
    private const long InitialBytes = 16 * 1024;
#endif
    private const nuint Alignment = 64;
    private const long MaxWriteBytes = 32 * 1024;

    /// <summary>No entry is longer.</summary>
    public const long MaxEntryBytes = MaxWriteBytes + (2 * sizeof(ulong));

    private const long KeptBytes = 1024 * 1024;
    private byte* _start = (byte*)NativeMemory.AlignedAlloc((nuint)InitialBytes, Alignment);
    private long _capacity = InitialBytes;

    public byte* Start => _start;

    public LogRecord* Record => (LogRecord*)_start;

    public long LengthBytes { get; private set; } = LogRecord.Size;

    public bool IsEmpty => LengthBytes == LogRecord.Size;

    public byte* Entries => _start + LogRecord.Size;

    public byte* End => _start + LengthBytes;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Write(long offset, ulong value)
    {
        ulong* entry = (ulong*)Extend(2 * sizeof(ulong));
        entry[0] = LogEntry.Tag(LogEntry.Write, offset, sizeof(ulong));
        entry[1] = value;
    }

    /// <summary>Room behind the entries, which are not counted, for more of them that the caller writes, and a line.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong* Room(long bytes)
    {
        long length = LengthBytes;
        if (length + bytes + (long)Alignment > _capacity)
        {
            GrowTo(length + bytes + (long)Alignment);
        }

        return (ulong*)(_start + length);
    }

    /// <summary>Room for whole entries that the caller writes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong* Entry(long bytes) => (ulong*)Extend(bytes);

    public void Write(long offset, byte* content, long lengthBytes)
    {
        // Long writes are split, so that the pieces of an overflow can be small.
        for (; lengthBytes > MaxWriteBytes; offset += MaxWriteBytes, content += MaxWriteBytes, lengthBytes -= MaxWriteBytes)
        {
            WriteOne(offset, content, MaxWriteBytes);
        }

        WriteOne(offset, content, lengthBytes);
    }

    public void Piece(in OverflowPiece piece) => *(OverflowPiece*)Extend(OverflowPiece.Size) = piece;

    private void WriteOne(long offset, byte* content, long lengthBytes)
    {
        long padded = LogEntries.Padded(lengthBytes);
        if (lengthBytes < (long)LogEntry.ArgumentMask)
        {
            ulong* entry = (ulong*)Extend(sizeof(ulong) + padded);
            entry[0] = LogEntry.Tag(LogEntry.Write, offset, lengthBytes);
            CopyPadded((byte*)(entry + 1), content, lengthBytes, padded);
        }
        else
        {
            ulong* entry = (ulong*)Extend((2 * sizeof(ulong)) + padded);
            entry[0] = LogEntry.Tag(LogEntry.WriteLong, offset, 0);
            entry[1] = (ulong)lengthBytes;
            CopyPadded((byte*)(entry + 2), content, lengthBytes, padded);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Bit(ulong kind, long headerOffset, int index) =>
        *(ulong*)Extend(sizeof(ulong)) = LogEntry.Tag(kind, headerOffset, index);

    public void Content(long offset, long lengthBytes, ulong checksum)
    {
        ulong* entry = (ulong*)Extend(NewContent.EntryBytes);
        entry[0] = LogEntry.Tag(LogEntry.Content, offset, 0);
        entry[1] = (ulong)lengthBytes;
        entry[2] = checksum;
    }

    public void Describe(long headerOffset, ulong descriptor)
    {
        ulong* entry = (ulong*)Extend(2 * sizeof(ulong));
        entry[0] = LogEntry.Tag(LogEntry.Describe, headerOffset, 0);
        entry[1] = descriptor;
    }

    /// <summary>Completes the header but for sequence and checksum, fills the last line with zeros, returns whole lines' bytes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public long Seal(LogRecordKind kind = LogRecordKind.Transaction)
    {
        long length = LengthBytes;
        long padded = MediaLayout.AlignUp(length, (long)Alignment);
        for (ulong* word = (ulong*)(_start + length), end = (ulong*)(_start + padded); word < end; word++)
        {
            *word = 0;
        }

        // Longer ones go out by their pieces.
        Record->LengthAndKind = LogRecord.Pack(length, kind);
        return padded;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Clear()
    {
        LengthBytes = LogRecord.Size;
        if (_capacity > KeptBytes)
        {
            Shrink();
        }
    }

    public void Dispose()
    {
        NativeMemory.AlignedFree(_start);
        _start = null;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private byte* Extend(long bytes)
    {
        long length = LengthBytes;
        // The capacity is a multiple of a line, so sealing has room whenever the entries have.
        if (length + bytes > _capacity)
        {
            GrowTo(length + bytes);
        }

        LengthBytes = length + bytes;
        return _start + length;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void GrowTo(long bytes)
    {
        long capacity = _capacity;
        while (capacity < bytes)
        {
            capacity *= 2;
        }

        _start = (byte*)NativeMemory.AlignedRealloc(_start, (nuint)capacity, Alignment);
        _capacity = capacity;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Shrink()
    {
        NativeMemory.AlignedFree(_start);
        _capacity = InitialBytes;
        _start = (byte*)NativeMemory.AlignedAlloc((nuint)_capacity, Alignment);
    }

    public static void CopyPadded(byte* target, byte* content, long lengthBytes, long padded)
    {
        if (padded != lengthBytes)
        {
            *(ulong*)(target + padded - sizeof(ulong)) = 0;
        }

        Buffer.MemoryCopy(content, target, padded, lengthBytes);
    }
}
