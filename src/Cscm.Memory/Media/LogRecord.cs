using System.Runtime.InteropServices;

namespace Cscm.Memory.Media;

/// <summary>
/// A record of the log: one transaction, at a multiple of 64 bytes in its lane. Self-validating: no earlier fence and no tail
/// pointer vouch for it. Entries follow, all made of 8-byte words.
/// </summary>
[StructLayout(LayoutKind.Explicit, Size = Size)]
internal struct LogRecord
{
    public const int Size = 24;

    [FieldOffset(0)]
    public ulong Sequence;

    /// <summary>Length and kind at once: the checksum loads this word, and a load from two stores would wait for both to leave the store queue, behind a fence.</summary>
    [FieldOffset(8)]
    public ulong LengthAndKind;

    /// <summary>Header and entries, without the padding to the next line.</summary>
    [FieldOffset(8)]
    public uint LengthBytes;

    [FieldOffset(12)]
    public LogRecordKind Kind;

    /// <summary>Of the record with this field zero, seeded with the lane's salt for this lap.</summary>
    [FieldOffset(16)]
    public ulong Checksum;

    /// <summary>The kind without <see cref="LogRecordKind.AfterPad"/>.</summary>
    public readonly LogRecordKind BareKind => (LogRecordKind)((uint)Kind & ~(uint)LogRecordKind.AfterPad);

    public readonly bool FollowsPad => Kind != BareKind;

    public static ulong Pack(long lengthBytes, LogRecordKind kind) => (uint)lengthBytes | ((ulong)kind << 32);
}

internal enum LogRecordKind : uint
{
    /// <summary>The entries follow the header.</summary>
    Transaction = 0x5458_4e31,

    /// <summary>Nothing: the rest of this lap is unused.</summary>
    Pad = 0x5041_4431,

    /// <summary>The entries are in extents of the heap: <see cref="OverflowPiece"/>s follow the header.</summary>
    Overflow = 0x4f56_4631,

    /// <summary>
    /// A flag of a lap's first record: a pad ends the lap before. Both go out under one fence, so a power failure may leave this record
    /// without its pad; that is no damage.
    /// </summary>
    AfterPad = 0x8000_0000,
}

/// <summary>A part of the entries of a transaction that outgrew its lane.</summary>
[StructLayout(LayoutKind.Explicit, Size = Size)]
internal struct OverflowPiece
{
    public const int Size = 24;

    [FieldOffset(0)]
    public long Offset;

    [FieldOffset(8)]
    public long LengthBytes;

    [FieldOffset(16)]
    public ulong Checksum;
}

/// <summary>
/// The first word of an entry: kind in bits 60–63, argument in 48–59, heap offset in 0–47.
/// </summary>
internal static class LogEntry
{
    public const int KindShift = 60;
    public const int ArgumentShift = 48;
    public const ulong ArgumentMask = 0xfff;
    public const ulong OffsetMask = (1UL << ArgumentShift) - 1;

    /// <summary>Argument bytes (1…4095) follow, padded to words, for the given offset.</summary>
    public const ulong Write = 1;

    /// <summary>A word with the length follows, then the bytes, padded to words.</summary>
    public const ulong WriteLong = 2;

    /// <summary>Sets bit "argument" of the bitmap of the chunk whose header is at the offset: the block is allocated.</summary>
    public const ulong SetBit = 3;

    /// <summary>Clears it: the block is free.</summary>
    public const ulong ClearBit = 4;

    /// <summary>The next word becomes the descriptor of the chunk whose header is at the offset.</summary>
    public const ulong Describe = 5;

    /// <summary>
    /// A block that the transaction allocated was given its content in place: its length and checksum (see NewContent) follow in a word each.
    /// </summary>
    public const ulong Content = 6;

    public static ulong Tag(ulong kind, long offset, long argument) =>
        (kind << KindShift) | ((ulong)argument << ArgumentShift) | (ulong)offset;
}
