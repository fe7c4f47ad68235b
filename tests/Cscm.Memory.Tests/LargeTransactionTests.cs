namespace Cscm.Memory.Tests;

public sealed unsafe class LargeTransactionTests
{
    [Fact]
    public void A_transaction_larger_than_the_whole_log_is_atomic_and_survives()
    {
        using var test = new TestHeap(32 << 20, new ScmHeapOptions { LaneCount = 2, LogBytes = 8192, BackgroundCheckpoints = false });
        const int count = 500_000;
        PtrSpan<long> array;
        using (Transaction tx = test.Heap.Begin())
        {
            array = tx.AllocSpan<long>(count);
            tx.SetRoot("array", array.Start);
            tx.Commit();
        }

        long fences = test.Heap.Metrics.CommitFences;
        using (Transaction tx = test.Heap.Begin())
        {
            for (int i = 0; i < count; i += 2)
            {
                tx.Write(array.Start.Element(i), (long)i);
            }

            Assert.Equal(1000, tx.Read(array.Start.Element(1000)));
            Assert.Equal(0, tx.Read(array.Start.Element(1001)));
            Assert.Equal(0, test.Heap.Get(array.Start.Element(1000)));
            tx.Commit();
        }

        Assert.Equal(1, test.Heap.Metrics.CommitFences - fences);
        using (ScmHeap copy = test.OpenCopyAsIs(out _))
        {
            Assert.True(copy.TryGetRoot("array", out Ptr<long> start));
            ReadOnlySpan<long> found = copy.Get(new PtrSpan<long>(start, count));
            for (int i = 0; i < count; i++)
            {
                Assert.Equal(i % 2 == 0 ? i : 0, found[i]);
            }

            Assert.Equal(1, copy.Check().AllocatedBlocks);
        }

        // The extents of the overflow return after a checkpoint.
        long free = test.Heap.Usage.FreeChunkBytes;
        test.Heap.Checkpoint();
        using (Transaction tx = test.Heap.Begin())
        {
            tx.AllocSpan<byte>(test.Heap.Usage.DataBytes - (8 * count) - (1 << 20));
            Assert.True(test.Heap.Usage.FreeChunkBytes < free);
        }
    }

    [Fact]
    public void A_large_write_is_read_back_within_its_transaction()
    {
        using var test = new TestHeap(64 << 20);
        PtrSpan<byte> span;
        using (Transaction tx = test.Heap.Begin())
        {
            span = tx.AllocSpan<byte>(10_000_000);
            tx.Commit();
        }

        var content = new byte[9_999_999];
        new Random(3).NextBytes(content);
        using (Transaction tx = test.Heap.Begin())
        {
            tx.Write(span.Start.Element(1), (ReadOnlySpan<byte>)content);
            var seen = new byte[content.Length];
            tx.Read(span.Start.Element(1), seen.AsSpan());
            Assert.Equal(content, seen);
            tx.Commit();
        }

        Assert.True(test.Heap.Get(new PtrSpan<byte>(span.Start.Element(1), content.Length)).SequenceEqual(content));
    }

    [Fact]
    public void Reads_see_the_latest_of_many_overlapping_writes()
    {
        using var test = new TestHeap();
        var random = new Random(5);
        PtrSpan<byte> span;
        using (Transaction tx = test.Heap.Begin())
        {
            span = tx.AllocSpan<byte>(4096);
            tx.Commit();
        }

        var model = new byte[4096];
        using (Transaction tx = test.Heap.Begin())
        {
            for (int i = 0; i < 2000; i++)
            {
                var part = new byte[random.Next(1, 100)];
                random.NextBytes(part);
                int at = random.Next(4096 - part.Length);
                if (random.Next(4) == 0)
                {
                    var seen = new byte[part.Length];
                    tx.Read(span.Start.Element(at), seen.AsSpan());
                    Assert.Equal(model.AsSpan(at, part.Length).ToArray(), seen);
                    continue;
                }

                part.CopyTo(model, at);
                tx.Write(span.Start.Element(at), (ReadOnlySpan<byte>)part);
            }

            tx.Commit();
        }

        Assert.Equal(model, test.Heap.Get(span).ToArray());
    }

    [Fact]
    public void Working_copies_and_writes_of_the_same_object_combine()
    {
        using var test = new TestHeap();
        Ptr<(long A, long B, long C)> root = test.Heap.Root<(long, long, long)>("triple");
        using (Transaction tx = test.Heap.Begin())
        {
            ref (long A, long B, long C) copy = ref tx.Modify(root);
            copy.A = 1;
            tx.Set(in test.Heap.Get(root).B, 2);
            Assert.Equal(2, copy.B);
            copy.C = 3;
            Assert.Equal((1, 2, 3), tx.Read(root));
            Assert.Throws<ScmMisuseException>(() => test.Heap.Core.Context.Modify(root.Offset + 8, 8) == null);
            tx.Commit();
        }

        Assert.Equal((1, 2, 3), test.Heap.Get(root));
    }

    [Fact]
    public void An_inner_abort_aborts_the_whole_and_nesting_commits_once()
    {
        using var test = new TestHeap();
        Ptr<long> x = test.Heap.Root<long>("x");
        long commits = test.Heap.Metrics.Commits;
        using (Transaction outer = test.Heap.Begin())
        {
            outer.Write(x, 1L);
            using (Transaction inner = test.Heap.Begin())
            {
                inner.Write(x, 2L);
                inner.Commit();
            }

            Assert.Equal(0, test.Heap.Get(x));
            outer.Commit();
        }

        Assert.Equal(2, test.Heap.Get(x));
        Assert.Equal(1, test.Heap.Metrics.Commits - commits);
        Assert.Throws<ScmMisuseException>(() =>
        {
            using Transaction outer = test.Heap.Begin();
            outer.Write(x, 3L);
            using (Transaction inner = test.Heap.Begin())
            {
                inner.Write(x, 4L);
            }

            outer.Commit();
        });
        Assert.Equal(2, test.Heap.Get(x));
        using Transaction after = test.Heap.Begin();
        after.Write(x, 5L);
        after.Commit();
        Assert.Equal(5, test.Heap.Get(x));
    }

    [Fact]
    public void The_commit_path_allocates_no_managed_memory()
    {
        using var test = new TestHeap();
        PtrSpan<long> span;
        using (Transaction tx = test.Heap.Begin())
        {
            span = tx.AllocSpan<long>(1000);
            tx.Commit();
        }

        Work(3000);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Work(1000);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);

        void Work(int count)
        {
            for (int i = 0; i < count; i++)
            {
                using Transaction tx = test.Heap.Begin();
                tx.Write(span.Start.Element(i % 1000), (long)i);
                tx.Modify(span.Start.Element((i + 1) % 1000)) = i;
                PtrSpan<byte> block = tx.AllocSpan<byte>(100);
                tx.Free(block);
                tx.Commit();
            }
        }
    }
}
