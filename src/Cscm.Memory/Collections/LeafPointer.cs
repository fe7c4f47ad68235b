using System.Runtime.CompilerServices;

namespace Cscm.Memory.Collections;

/// <summary>
/// How an inner node points to a leaf: the offset of the leaf's line in bits 0–47, and in 48–63, signed, how many lines further its entries
/// are, 0 if that is too far. So both can be fetched at once; the pointer in the leaf is the one that counts.
/// </summary>
internal static class LeafPointer
{
    private const int DistanceShift = 48;
    private const int LineShift = 6;

    public static long Pack(long leaf, long entries)
    {
        long lines = (entries - leaf) >> LineShift;
        return lines == (short)lines ? leaf | (lines << DistanceShift) : leaf;
    }

    /// <summary>The node's offset. Pointers to inner nodes are nothing but that.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static long Offset(long pointer) => pointer & ((1L << DistanceShift) - 1);

    /// <summary>Where the entries most likely are, from the leaf's line.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static long DistanceBytes(long pointer) => pointer >> DistanceShift << LineShift;
}
