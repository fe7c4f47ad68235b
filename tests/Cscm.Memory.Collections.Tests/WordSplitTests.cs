using Cscm.Memory.Collections.Trees;

namespace Cscm.Memory.Collections.Tests;

public sealed unsafe class WordSplitTests
{
    [Theory]
    [InlineData(47, 64)]
    [InlineData(47, 8)]
    [InlineData(30, 6)]
    [InlineData(2, 64)]
    [InlineData(2, 1)]
    public void As_many_words_as_asked_are_below_the_split(int count, int bits)
    {
        var random = new Random(count + bits);
        for (int round = 0; round < 200; round++)
        {
            var distinct = new HashSet<ulong>();
            while (distinct.Count < count)
                distinct.Add((ulong)random.NextInt64(long.MinValue, long.MaxValue) >> (64 - bits));
            Check([.. distinct]);
        }
    }

    [Fact]
    public void Words_at_the_ends_of_the_range_and_far_apart_are_split_too()
    {
        Check([0, ulong.MaxValue]);
        Check([ulong.MaxValue, ulong.MaxValue - 1, ulong.MaxValue - 2]);
        Check([.. Enumerable.Range(0, 47).Select(i => 1UL << i)]);
        Check([.. Enumerable.Range(0, 46).Select(i => ulong.MaxValue - (1UL << i)), 0]);
    }

    private static void Check(ulong[] words)
    {
        ulong* room = stackalloc ulong[WordSplit.MaxWords];
        for (int below = 1; below < words.Length; below++)
        {
            words.CopyTo(new Span<ulong>(room, words.Length));
            ulong split = WordSplit.Find(room, words.Length, below, words.Min(), words.Max());
            Assert.Equal(below, words.Count(word => word < split));
        }
    }
}
