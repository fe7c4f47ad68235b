using System.Runtime.InteropServices;

namespace Cscm.Memory.Media;

/// <summary>The state of one chunk: what it is carved into, and a bit per block that is allocated. Kept apart from the data.</summary>
[StructLayout(LayoutKind.Explicit, Size = (int)MediaLayout.ChunkHeaderBytes)]
internal struct ChunkHeader
{
    public const int BitmapAt = 24;
    public const int MaxBlocks = 4096;

    /// <summary>See <see cref="ChunkDescriptor"/>. Meaningful only while a bit of the bitmap is set.</summary>
    [FieldOffset(0)]
    public ulong Descriptor;

    [FieldOffset(8)]
    public ulong DescriptorChecksum;

    /// <summary>The sum, modulo 2^64, of <see cref="MediaHash.Mix"/> of the numbers of the bits that are set.</summary>
    [FieldOffset(16)]
    public ulong BitmapSum;
}

/// <summary>A chunk's descriptor, packed in a word: kind (byte 0), size class (byte 1), chunks in the run or extent (bytes 4–7).</summary>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct ChunkDescriptor(ChunkKind Kind, int SizeClass, int ChunkCount)
{
    public ulong Packed => (ulong)Kind | ((ulong)(uint)SizeClass << 8) | ((ulong)(uint)ChunkCount << 32);

    public static ChunkDescriptor Unpack(ulong packed) =>
        new((ChunkKind)(byte)packed, (byte)(packed >> 8), (int)(packed >> 32));

    /// <summary>Zero (never written) is its own checksum, so that fresh media need no formatting beyond zeros.</summary>
    public static ulong Checksum(ulong packed, long headerOffset, ulong salt) =>
        packed == 0 ? 0 : MediaHash.Mix(packed ^ ((ulong)headerOffset << 16), salt);
}

internal enum ChunkKind : byte
{
    /// <summary>Never carved.</summary>
    None = 0,

    /// <summary>Blocks of one size class.</summary>
    Run = 1,

    /// <summary>One block.</summary>
    Extent = 2,
}
