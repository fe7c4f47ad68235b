using Cscm.Memory.Tests;

namespace Cscm.Memory.Collections.Tests;

public sealed class ExhaustionTests
{
    private const int HeapBytes = 1 << 20;

    [Fact]
    public void A_full_heap_leaves_the_tree_unchanged_and_usable()
    {
        using var test = new TestHeap(HeapBytes);
        var tree = new ScmBTree<long, long>(test.Heap, "it");
        long added = Fill(i => Assert.True(tree.TryAdd(i * 7919 % 1_000_003, i)));
        Assert.Empty(tree.Verify());
        Assert.Equal(added, tree.Count);
        Assert.Equal(Enumerable.Range(0, (int)added).Select(i => i * 7919L % 1_000_003).Order(), tree.Select(pair => pair.Key));
        for (int i = 0; i < added; i++)
        {
            Assert.True(tree.Remove(i * 7919L % 1_000_003));
            Assert.Empty(i % 100 == 0 || added - i < 200 ? tree.Verify() : []);
        }

        Assert.Empty(tree);
        CheckReachable(test, checker => checker.Register<ScmBTreeHeader>("it", tree.Walk), blocks: 1);
        Assert.InRange(Fill(i => tree.Set(-i, i)), added / 2, long.MaxValue);
        CheckReachable(test, checker => checker.Register<ScmBTreeHeader>("it", tree.Walk));
    }

    [Fact]
    public void A_full_heap_leaves_the_tree_of_byte_strings_unchanged_and_usable()
    {
        using var test = new TestHeap(HeapBytes);
        var tree = new ScmByteTree(test.Heap, "it");
        long added = Fill(i => Assert.True(tree.Set(BitConverter.GetBytes(i * 7919), new byte[100])));
        Assert.Empty(tree.Verify());
        Assert.Equal(added, tree.Count);
        Assert.Equal(added, tree.AsEnumerable().LongCount());
        CheckReachable(test, checker => checker.Register<ScmBTreeHeader>("it", tree.Walk));
        for (long i = 0; i < added; i++)
        {
            Assert.True(tree.Remove(BitConverter.GetBytes(i * 7919)));
            Assert.Empty(i % 100 == 0 || added - i < 200 ? tree.Verify() : []);
        }

        CheckReachable(test, checker => checker.Register<ScmBTreeHeader>("it", tree.Walk), blocks: 1);
        Assert.True(tree.Set("x"u8, new byte[100]));
    }

    [Fact]
    public void A_full_heap_leaves_the_map_unchanged_and_usable()
    {
        using var test = new TestHeap(HeapBytes);
        var map = new ScmHashMap<long, long>(test.Heap, "it");
        long added = Fill(i => Assert.True(map.TryAdd(i, -i)));
        Assert.Equal(added, map.Count);
        Assert.Equal(Enumerable.Range(0, (int)added).Select(i => (long)i), map.Select(pair => pair.Key).Order());
        CheckReachable(test, checker => checker.Register<ScmHashMapHeader>("it", map.Walk));
        Assert.True(map.Remove(0));
        Assert.True(map.TryAdd(0, 0));
    }

    [Fact]
    public void A_full_heap_leaves_the_log_unchanged_and_usable()
    {
        using var test = new TestHeap(HeapBytes);
        var log = new ScmLog(test.Heap, "it");
        long added = Fill(i => Assert.Equal(i, log.Append(new byte[1 + (i % 2000)])));
        Assert.Equal(added, log.NextSequence);
        Assert.Equal(Enumerable.Range(0, (int)added).Select(i => 1 + (i % 2000)), log.Read().Select(record => record.Content.Length));
        log.TruncateBefore(added / 2);
        Assert.Equal(added, log.Append(new byte[2000]));
        CheckReachable(test, checker => checker.Register<ScmLogHeader>("it", log.Walk));
    }

    [Fact]
    public void A_transaction_in_which_an_operation_failed_cannot_commit_and_leaves_nothing()
    {
        using var test = new TestHeap(HeapBytes);
        var tree = new ScmBTree<long, long>(test.Heap, "it");
        tree.Set(-1, 1);
        using (Transaction tx = test.Heap.Begin())
        {
            Assert.True(Fill(i => tree.Set(i, i)) > 100);
            Assert.Throws<ScmMisuseException>(() => tree.Set(5, 5));
            bool isRefused = false;
            try
            {
                tx.Commit();
            }
            catch (ScmMisuseException)
            {
                isRefused = true;
            }

            Assert.True(isRefused);
        }

        Assert.Equal([-1], tree.Select(pair => pair.Key));
        Assert.True(tree.TryAdd(0, 0));
        Assert.Empty(tree.Verify());
        CheckReachable(test, checker => checker.Register<ScmBTreeHeader>("it", tree.Walk));
    }

    private static long Fill(Action<long> add)
    {
        for (long i = 0; ; i++)
        {
            try
            {
                add(i);
            }
            catch (ScmOutOfSpaceException)
            {
                return i;
            }
        }
    }

    private static void CheckReachable(TestHeap test, Action<HeapChecker> register, long blocks = 0)
    {
        var checker = new HeapChecker(test.Heap);
        register(checker);
        HeapCheckResult result = checker.Run();
        Assert.Empty(result.Problems);
        Assert.True(blocks == 0 ? result.ReachableBlocks > 1 : result.ReachableBlocks == blocks);
    }
}
