using System.Numerics;
using System.Runtime.Intrinsics;

namespace Cscm.Memory.Collections.Trees;

/// <summary>Where a few distinct words fall into two parts: by bisecting the range of their values, which costs a few vectors' comparisons, not by sorting.</summary>
internal static unsafe class WordSplit
{
    public const int MaxWords = 48;

    /// <summary>
    /// A number that exactly so many of the words are below. At most 47 words, all different; there is room for 48, the rest is overwritten.
    /// </summary>
    /// <param name="words">The words.</param>
    /// <param name="count">How many.</param>
    /// <param name="below">More than none, fewer than all.</param>
    /// <param name="least">The least of them.</param>
    /// <param name="greatest">The greatest.</param>
    public static ulong Find(ulong* words, int count, int below, ulong least, ulong greatest)
    {
        // What fills the last vector is below nothing.
        new Span<ulong>(words + count, MaxWords - count).Fill(ulong.MaxValue);
        ulong low = least;
        ulong high = greatest;
        // Too few are below the low end, and too many below the high one, if not just enough.
        ulong middle = high;
        for (int found = count - 1; found != below; found = CountBelow(words, middle))
        {
            (low, high) = found < below ? (middle, high) : (low, middle);
            middle = low + ((high - low) / 2);
        }

        return middle;
    }

    private static int CountBelow(ulong* words, ulong limit)
    {
        int below = 0;
        if (Vector512.IsHardwareAccelerated)
        {
            Vector512<ulong> limits = Vector512.Create(limit);
            for (int i = 0; i < MaxWords; i += Vector512<ulong>.Count)
            {
                below += BitOperations.PopCount(Vector512.LessThan(Vector512.Load(words + i), limits).ExtractMostSignificantBits());
            }
        }
        else
        {
            Vector256<ulong> limits = Vector256.Create(limit);
            for (int i = 0; i < MaxWords; i += Vector256<ulong>.Count)
            {
                below += BitOperations.PopCount(Vector256.LessThan(Vector256.Load(words + i), limits).ExtractMostSignificantBits());
            }
        }

        return below;
    }
}
