namespace Cscm.Memory.Media;

/// <summary>The fixed places and sizes of format version 1. See docs/media-format.md.</summary>
internal static class MediaLayout
{
    public const ulong Magic = 0x0031_5041_4548_4353; // "SCHEAP1\0"
    /// <summary>Stands in the first superblock while a heap is being created: what follows is not a damaged heap but an unfinished one.</summary>
    public const ulong CreationMagic = 0x0030_5041_4548_4353; // "SCHEAP0\0"
    public const ushort MajorVersion = 1;
    public const ushort MinorVersion = 1;

    public const long SuperblockBytes = 16 * 1024;
    public const long SuperblockA = 0;
    public const long SuperblockB = SuperblockBytes;
    public const long CheckpointBytes = 4096;
    public const long CheckpointA = 2 * SuperblockBytes;
    public const long CheckpointB = CheckpointA + CheckpointBytes;
    public const long RootTableA = CheckpointB + CheckpointBytes;
    public const long RootTableBytes = (long)RootEntry.Size * RootCount;
    public const long RootTableB = RootTableA + RootTableBytes;
    public const int RootCount = 256;
    public const long LogStart = 128 * 1024;

    public const int MaxLanes = 256;
    public const int MaxRegions = 256;

    /// <summary>Allocation is carved from chunks of this size.</summary>
    public const long ChunkBytes = 64 * 1024;

    /// <summary>Per chunk in the region's metadata: a header line and room for 4096 allocation bits.</summary>
    public const long ChunkHeaderBytes = 576;

    /// <summary>Per chunk: the second copy of its descriptor.</summary>
    public const long ChunkMirrorBytes = 16;

    public const long MinHeapBytes = 1024 * 1024;
    public const long MinLaneBytes = 4096;
    public const long GrowthUnitBytes = ChunkBytes;

    public static long AlignUp(long value, long alignment) => (value + alignment - 1) & -alignment;

    public static long AlignDown(long value, long alignment) => value & -alignment;
}
