using System.Runtime.InteropServices;

namespace Cscm.Memory.Media;

/// <summary>The head of the superblock; <see cref="RegionRecord"/>s follow at <see cref="RegionsAt"/>; the checksum is the last word of its 16 KiB.</summary>
[StructLayout(LayoutKind.Explicit, Size = RegionsAt)]
internal struct Superblock
{
    public const int RegionsAt = 256;
    public const int ChecksumAt = (int)MediaLayout.SuperblockBytes - 8;

    [FieldOffset(0)]
    public ulong Magic;

    [FieldOffset(8)]
    public ushort MajorVersion;

    [FieldOffset(10)]
    public ushort MinorVersion;

    /// <summary>Features a reader must know to read at all, and to write: <see cref="HeapFeatures"/>.</summary>
    [FieldOffset(12)]
    public uint IncompatibleFeatures;

    [FieldOffset(16)]
    public Guid HeapId;

    [FieldOffset(32)]
    public ulong Salt;

    /// <summary>Rises with every rewrite; the valid copy with the higher one counts.</summary>
    [FieldOffset(40)]
    public ulong Generation;

    [FieldOffset(48)]
    public long SizeBytes;

    [FieldOffset(56)]
    public long LogOffset;

    [FieldOffset(64)]
    public long LaneBytes;

    [FieldOffset(72)]
    public int LaneCount;

    [FieldOffset(76)]
    public int RegionCount;

    /// <summary>Seconds since 1970-01-01 UTC.</summary>
    [FieldOffset(80)]
    public long CreatedUnixSeconds;
}

/// <summary>Bits of <see cref="Superblock.IncompatibleFeatures"/>.</summary>
internal static class HeapFeatures
{
    /// <summary>Log records may hold checksums of new blocks (<see cref="LogEntry.Content"/>): since format 1.1.</summary>
    public const uint NewBlockChecksums = 1;

    public const uint Known = NewBlockChecksums;
}

/// <summary>One contiguous part of the heap with its own chunk metadata; the first is made at creation, one more by each growth.</summary>
[StructLayout(LayoutKind.Explicit, Size = Size)]
internal struct RegionRecord
{
    public const int Size = 32;

    [FieldOffset(0)]
    public long HeadersOffset;

    [FieldOffset(8)]
    public long MirrorsOffset;

    [FieldOffset(16)]
    public long DataOffset;

    [FieldOffset(24)]
    public long ChunkCount;
}
