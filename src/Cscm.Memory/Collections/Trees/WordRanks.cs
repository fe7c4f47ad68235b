using System.Numerics;
using System.Runtime.Intrinsics;

namespace Cscm.Memory.Collections.Trees;

/// <summary>Orders a few distinct words by counting, for each, those before it: no branch depends on the words.</summary>
internal static unsafe class WordRanks
{
    public const int MaxWords = 48;

    /// <summary>Sets order[rank of words[i]] to labels[i]. At most 47 words; there is room for 48, the rest is overwritten.</summary>
    public static void Sort<TWord>(TWord* words, int count, int* labels, int* order)
        where TWord : unmanaged, IBinaryInteger<TWord>, IMinMaxValue<TWord>
    {
        // What fills the last vector is never before anything.
        new Span<TWord>(words + count, MaxWords - count).Fill(TWord.MaxValue);
        if (Vector512.IsHardwareAccelerated)
        {
            for (int i = 0; i < count; i++)
            {
                Vector512<TWord> word = Vector512.Create(words[i]);
                int before = 0;
                for (int j = 0; j < count; j += Vector512<TWord>.Count)
                {
                    before += BitOperations.PopCount(Vector512.LessThan(Vector512.Load(words + j), word).ExtractMostSignificantBits());
                }

                order[before] = labels[i];
            }

            return;
        }

        for (int i = 0; i < count; i++)
        {
            Vector256<TWord> word = Vector256.Create(words[i]);
            int before = 0;
            for (int j = 0; j < count; j += Vector256<TWord>.Count)
            {
                before += BitOperations.PopCount(Vector256.LessThan(Vector256.Load(words + j), word).ExtractMostSignificantBits());
            }

            order[before] = labels[i];
        }
    }
}
