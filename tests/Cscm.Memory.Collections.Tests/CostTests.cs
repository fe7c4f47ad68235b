using Cscm.Memory.Medium;
using Cscm.Memory.Tests;

namespace Cscm.Memory.Collections.Tests;

public sealed class CostTests
{
    [Fact]
    public void An_insertion_costs_one_fence_and_at_most_four_lines_of_log()
    {
        var counter = new FenceCounter();
        using var test = new TestHeap(64 << 20, new ScmHeapOptions { Recorder = counter });
        var tree = new ScmBTree<long, long>(test.Heap, "it");
        var random = new Random(3);
        for (int i = 0; i < 1000; i++)
        {
            tree.Set(random.NextInt64(), i);
        }

        long fences = counter.Commits;
        long lines = test.Heap.Core.Context.LogLineCount;
        const int count = 20_000;
        for (int i = 0; i < count; i++)
        {
            Assert.True(tree.TryAdd(random.NextInt64(), i));
        }

        Assert.Equal(count, counter.Commits - fences);
        Assert.InRange((test.Heap.Core.Context.LogLineCount - lines) / (double)count, 2, 4);

        fences = counter.Commits;
        using (Transaction tx = test.Heap.Begin())
        {
            for (int i = 0; i < 100; i++)
            {
                tree.Set(i, i);
            }

            tx.Commit();
        }

        Assert.Equal(1, counter.Commits - fences);
    }

    [Fact]
    public void Operations_allocate_no_managed_memory()
    {
        using var test = new TestHeap(64 << 20, new ScmHeapOptions { BackgroundCheckpoints = false });
        var tree = new ScmBTree<long, long>(test.Heap, "it");
        var map = new ScmHashMap<long, long>(test.Heap, "map");
        var queue = new ScmQueue<long>(test.Heap, "queue");
        var random = new Random(4);
        Work(20_000);
        long before = GC.GetAllocatedBytesForCurrentThread();
        const int count = 20_000;
        Work(count);
        // The allocator makes an object for each 64 KiB it carves.
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 5 * count);

        void Work(int times)
        {
            for (int i = 0; i < times; i++)
            {
                long key = random.NextInt64();
                tree.Set(key, i);
                map.Set(key, i);
                queue.Enqueue(i);
                tree.TryGetValue(key, out _);
                map.TryGetValue(key, out _);
                if (i % 2 == 0)
                {
                    tree.Remove(key);
                    map.Remove(key);
                    queue.TryDequeue(out _);
                }
            }
        }
    }

    private sealed class FenceCounter : IMediumRecorder
    {
        public long Commits { get; private set; }

        public void Stored(PersistSite site, long offset, ReadOnlySpan<byte> content)
        {
        }

        public void StoredUnseen(PersistSite site, long offset, ReadOnlySpan<byte> content)
        {
        }

        public void Streamed(PersistSite site, long offset, ReadOnlySpan<byte> content)
        {
        }

        public void WroteBack(PersistSite site, long offset, long lengthBytes)
        {
        }

        public void Fenced(PersistSite site, long offset, long lengthBytes) => Commits += site == PersistSite.FenceCommit ? 1 : 0;

        public void Resized(long sizeBytes)
        {
        }

        public bool MayThrow => false;

        public bool Keeps(PersistSite site) => true;
    }
}
