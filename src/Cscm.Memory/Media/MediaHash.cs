using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace Cscm.Memory.Media;

/// <summary>
/// The checksum of everything on the medium: 64 bits, by folded 64×64→128-bit multiplication. It detects torn and damaged
/// content, not malice. Defined in docs/media-format.md.
/// </summary>
internal static unsafe class MediaHash
{
    private const ulong First = 0x9fb21c651e98df25;
    private const ulong Second = 0xd6e8feb86659fd93;

    /// <summary>Hashes whole 8-byte words.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Compute(byte* start, long lengthBytes, ulong seed)
    {
        ulong* word = (ulong*)start;
        ulong* end = (ulong*)(start + lengthBytes);
        ulong a = seed ^ First;
        ulong b = BitRotate(seed, 32) ^ (ulong)lengthBytes;
        // Two independent chains keep the multiplier busy.
        for (; word + 4 <= end; word += 4)
        {
            a = BitRotate(a, 29) + Fold(a ^ word[0] ^ First, word[1] ^ Second ^ seed);
            b = BitRotate(b, 29) + Fold(b ^ word[2] ^ Second, word[3] ^ First ^ seed);
        }

        for (; word < end; word++)
        {
            a = BitRotate(a, 29) + Fold(a ^ *word ^ First, Second ^ seed);
        }

        return Fold(a ^ First, b ^ Second) ^ a;
    }

    /// <summary>Spreads a small number over 64 bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Mix(ulong value, ulong seed) => Fold(value ^ seed ^ First, Second ^ BitRotate(value, 32)) | 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Fold(ulong x, ulong y)
    {
        if (Bmi2.X64.IsSupported)
        {
            // Both halves without the detour through memory that a product of 128 bits takes.
            return Bmi2.X64.MultiplyNoFlags(x, y) ^ (x * y);
        }

        ulong high = Math.BigMul(x, y, out ulong low);
        return high ^ low;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong BitRotate(ulong value, int count) => System.Numerics.BitOperations.RotateLeft(value, count);
}
