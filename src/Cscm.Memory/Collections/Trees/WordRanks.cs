using System.Numerics;
using System.Runtime.Intrinsics;

namespace Cscm.Memory.Collections.Trees;

/// <summary>Orders a few distinct words by counting, for each, those before it: no branch depends on the words.</summary>
internal static unsafe class WordRanks
{
    public const int MaxWords = 32;

    /// <summary>Sets order[rank of words[i]] to labels[i]. At most 28 words; there is room for 32, the rest is overwritten.</summary>
    public static void Sort<TWord>(TWord* words, int count, int* labels, int* order)
        where TWord : unmanaged, IBinaryInteger<TWord>, IMinMaxValue<TWord>
    {
        // What fills the last vector is never before anything.
        new Span<TWord>(words + count, MaxWords - count).Fill(TWord.MaxValue);
        int end = (count + 3) & ~3;
        for (int i = 0; i < count; i++)
        {
            Vector256<TWord> word = Vector256.Create(words[i]);
            Vector256<TWord> before = Vector256<TWord>.Zero;
            for (int j = 0; j < end; j += Vector256<TWord>.Count)
            {
                // A comparison that holds is -1.
                before -= Vector256.LessThan(Vector256.Load(words + j), word);
            }

            order[int.CreateTruncating(Vector256.Sum(before))] = labels[i];
        }
    }
}
