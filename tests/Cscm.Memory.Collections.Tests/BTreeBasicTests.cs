using Cscm.Memory.Tests;

namespace Cscm.Memory.Collections.Tests;

public sealed class BTreeBasicTests
{
    [Fact]
    public void Random_insertions_and_removals_keep_every_key_in_order()
    {
        using var test = new TestHeap(64 << 20);
        var tree = new ScmBTree<long, long>(test.Heap, "tree");
        var model = new SortedDictionary<long, long>();
        var random = new Random(7);
        for (int i = 0; i < 30_000; i++)
        {
            long key = random.NextInt64();
            Assert.Equal(model.TryAdd(key, i), tree.TryAdd(key, i));
        }

        Assert.Equal(model.Count, tree.Count);
        Assert.Equal(model, tree);
        Assert.Equal(model.Reverse(), tree.Descending());
        test.Reopen();
        tree = new ScmBTree<long, long>(test.Heap, "tree");
        Assert.Equal(model, tree);
        long[] keys = [.. model.Keys];
        random.Shuffle(keys);
        foreach (long key in keys)
        {
            Assert.True(tree.TryGetValue(key, out long value));
            Assert.Equal(model[key], value);
            Assert.True(tree.Remove(key));
            Assert.False(tree.ContainsKey(key));
        }

        Assert.Equal(0, tree.Count);
        Assert.Empty(tree);
    }

    [Fact]
    public void Ascending_keys_fill_leaves()
    {
        using var test = new TestHeap(64 << 20);
        var tree = new ScmBTree<long, long>(test.Heap, "tree");
        for (int i = 0; i < 20_000; i++)
        {
            tree.Set(i, -i);
        }

        Assert.Equal(Enumerable.Range(0, 20_000).Select(i => (long)i), tree.Select(pair => pair.Key));
        Assert.Equal([5, 6, 7], tree.Range(5, 7).Select(pair => pair.Key));
        Assert.Equal([7, 6, 5], tree.RangeDescending(7, 5).Select(pair => pair.Key));
        Assert.True(tree.TryGetMax(out long key, out long value) && key == 19_999 && value == -19_999);
        Assert.True(tree.TryGetMin(out key, out value) && key == 0 && value == 0);
    }

    [Fact]
    public void Several_operations_in_one_transaction_see_each_other_and_vanish_on_abort()
    {
        using var test = new TestHeap(64 << 20);
        var tree = new ScmBTree<long, long>(test.Heap, "tree");
        tree.Set(-1, 1);
        using (Transaction tx = test.Heap.Begin())
        {
            for (int i = 0; i < 5_000; i++)
            {
                Assert.True(tree.TryAdd(i * 7919 % 5_000, i));
            }

            Assert.Equal(5_001, tree.Count);
            Assert.Equal(5_001, tree.AsEnumerable().LongCount());
            for (int i = 0; i < 5_000; i += 2)
            {
                Assert.True(tree.Remove(i));
            }

            Assert.Equal(2_501, tree.AsEnumerable().LongCount());
            Assert.True(tree.ContainsKey(1));
        }

        Assert.Equal([-1], tree.Select(pair => pair.Key));
        using (Transaction tx = test.Heap.Begin())
        {
            for (int i = 0; i < 5_000; i++)
            {
                tree.Set(i, i);
            }

            tx.Commit();
        }

        test.Reopen();
        tree = new ScmBTree<long, long>(test.Heap, "tree");
        Assert.Equal(Enumerable.Range(-1, 5_001).Select(i => (long)i), tree.Select(pair => pair.Key));
    }
}
