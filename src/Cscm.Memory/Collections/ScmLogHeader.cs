using System.Runtime.InteropServices;

namespace Cscm.Memory.Collections;

/// <summary>
/// What a heap keeps of an append log or a queue. Put it in a root or allocate it (zeroed: an empty log). Only <see cref="ScmLog"/> and
/// <see cref="ScmQueue{T}"/> read and write it. 64 bytes.
/// </summary>
[StructLayout(LayoutKind.Explicit, Size = Size)]
public struct ScmLogHeader
{
    internal const int Size = 64;
    internal const int HeadAt = 8;
    internal const int TailAt = 32;
    internal const int EndBytes = 24;

    /// <summary>Identifies the kind of record; zero: never opened.</summary>
    [FieldOffset(0)]
    internal ulong Layout;

    /// <summary>The oldest record: its place and its number.</summary>
    [FieldOffset(HeadAt)]
    internal LogPlace Head;

    /// <summary>Where the next record goes, and the number it gets.</summary>
    [FieldOffset(TailAt)]
    internal LogPlace Tail;
}

/// <summary>A place in a log: the segment, the byte in it, the sequence number of the record there. 24 bytes.</summary>
[StructLayout(LayoutKind.Sequential)]
internal record struct LogPlace
{
    public long Segment;
    public long At;
    public long Sequence;
}

/// <summary>How a segment begins; records follow: a word with the length in bytes, then the bytes, padded to words.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct LogSegment
{
    public const int Size = 32;

    /// <summary>The segment after this one; null: this is the last.</summary>
    public long Next;

    /// <summary>Where the records end, once there is a next segment.</summary>
    public long End;

    /// <summary>The number of the first record.</summary>
    public long FirstSequence;

    /// <summary>Bytes of the block.</summary>
    public long Capacity;
}
