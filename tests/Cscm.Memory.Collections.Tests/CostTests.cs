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

    public static TheoryData<string> CommittingOperations() =>
        ["insert", "look up", "remove", "write 8 B", "write 16 x 8 B", "write 4 KiB", "modify", "allocate and free", "allocate, fill and free"];

    /// <summary>With the checkpointer in the background, which carves runs and takes freed blocks back.</summary>
    [Theory]
    [MemberData(nameof(CommittingOperations))]
    public void A_thread_that_commits_allocates_no_managed_memory(string name)
    {
        using var test = new TestHeap(256 << 20, new ScmHeapOptions());
        ScmHeap heap = test.Heap;
        var tree = new ScmBTree<long, long>(heap, "it");
        PtrSpan<byte> area = Area(heap, 1 << 20);
        byte[] content = new byte[4096];
        var blocks = new Queue<Ptr<byte>>(64);
        long inserted = 0;
        long removed = 0;
        Action<int> operation = name switch
        {
            "insert" => _ => tree.TryAdd(Scramble(inserted++), 1),
            "look up" => i => tree.TryGetValue(Scramble(i), out _),
            "remove" => _ => Assert.True(tree.Remove(Scramble(removed++))),
            "write 8 B" => i => Write(1, i),
            "write 16 x 8 B" => i => Write(16, i),
            "write 4 KiB" => i =>
            {
                using Transaction tx = heap.Begin();
                tx.Write<byte>(new Ptr<byte>(area.Start.Offset + (i % 256 * 4096)), content);
                tx.Commit();
            }
            ,
            "modify" => i =>
            {
                using Transaction tx = heap.Begin();
                tx.Modify(new Ptr<long>(area.Start.Offset + (i % 4096 * 64)))++;
                tx.Commit();
            }
            ,
            "allocate and free" => _ => Allocate(isFilled: false),
            _ => _ => Allocate(isFilled: true),
        };
        const int count = 30_000;
        // Removing ends with the empty tree: every leaf is freed.
        for (int i = 0; i < 2 * count && name is "look up" or "remove"; i++)
        {
            tree.Set(Scramble(i), i);
        }

        // The runtime makes an object for a thread that waits for a lock for the first time, and on a busy machine a commit may.
        WaitForALock();
        Repeat(count);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Repeat(count);
        long bytes = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.Equal(0, Math.Round((double)bytes / count, 2));

        static void WaitForALock()
        {
            var gate = new Lock();
            using var isHeld = new ManualResetEventSlim();
            var holder = new Thread(() =>
            {
                lock (gate)
                {
                    isHeld.Set();
                    Thread.Sleep(50);
                }
            });
            holder.Start();
            isHeld.Wait();
            gate.Enter();
            gate.Exit();
            holder.Join();
        }

        void Repeat(int times)
        {
            for (int i = 0; i < times; i++)
            {
                operation(i);
                if (i % 500 == 0)
                {
                    // On a busy machine the background thread may not get a processor meanwhile.
                    Thread.Sleep(1);
                }
            }
        }

        void Write(int fields, int i)
        {
            using Transaction tx = heap.Begin();
            for (int field = 0; field < fields; field++)
            {
                tx.Write(new Ptr<long>(area.Start.Offset + (((i * 16) + field) % 16384 * 64)), i);
            }

            tx.Commit();
        }

        void Allocate(bool isFilled)
        {
            using (Transaction tx = heap.Begin())
            {
                blocks.Enqueue((isFilled ? tx.AllocSpan<byte>(content.AsSpan(0, 64)) : tx.AllocSpan<byte>(64, zeroed: false)).Start);
                tx.Commit();
            }

            if (blocks.Count > 50)
            {
                using Transaction tx = heap.Begin();
                tx.Free(blocks.Dequeue());
                tx.Commit();
            }
        }
    }

    private static long Scramble(long number) => number * -7046029254386353131;

    private static PtrSpan<byte> Area(ScmHeap heap, long bytes)
    {
        using Transaction tx = heap.Begin();
        PtrSpan<byte> area = tx.AllocSpan<byte>(bytes, alignment: 64);
        tx.Commit();
        return area;
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
