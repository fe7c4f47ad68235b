using System.IO.Compression;
using Cscm.Memory.Collections;

namespace Cscm.Memory.Tests;

/// <summary>What new blocks hold, and the bits that say they are allocated: when they are written, and what for. See docs/decisions/0023.</summary>
public sealed class NewBlockTests
{
    [Theory]
    [InlineData(64, 1)]
    [InlineData(8 * 1024, 1)]
    [InlineData(9 * 1024, 1)]
    [InlineData(100_000, 1)]
    [InlineData(3_000_000, 2)]
    public void A_transaction_that_allocates_costs_one_fence_whatever_it_allocates(int sizeBytes, int count)
    {
        using var test = new TestHeap(32 << 20);
        byte[] content = new byte[sizeBytes];
        new Random(1).NextBytes(content);
        var blocks = new List<PtrSpan<byte>>();
        long before = test.Heap.Metrics.CommitFences;
        using (Transaction tx = test.Heap.Begin())
        {
            for (int i = 0; i < count; i++)
            {
                blocks.Add(tx.AllocSpan<byte>(content));
            }

            tx.Commit();
        }

        Assert.Equal(1, test.Heap.Metrics.CommitFences - before);
        using ScmHeap copy = test.OpenCopyAsIs(out _);
        Assert.Equal(1, copy.ReplayedCount);
        Assert.All(blocks, block => Assert.True(copy.Get(block).SequenceEqual(content)));
        Assert.Equal(count, copy.Check().AllocatedBlocks);
    }

    [Fact]
    public void After_memory_was_handed_out_unlogged_large_new_blocks_are_fenced_before_their_record()
    {
        using var test = new TestHeap(32 << 20);
        PtrSpan<byte> block = Allocate(test.Heap, 20_000);
        long checkpoints = test.Heap.Metrics.Checkpoints;
        test.Heap.GetUnlogged(block)[7] = 1;
        Assert.Equal(checkpoints + 1, test.Heap.Metrics.Checkpoints);
        test.Heap.GetUnlogged(block)[8] = 1;
        Assert.Equal(checkpoints + 1, test.Heap.Metrics.Checkpoints);

        long before = test.Heap.Metrics.CommitFences;
        Allocate(test.Heap, 20_000);
        Assert.Equal(2, test.Heap.Metrics.CommitFences - before);
    }

    [Theory]
    [InlineData(64)]
    [InlineData(20_000)]
    public void What_was_persisted_unlogged_is_not_undone_by_the_replay_of_an_earlier_record(int sizeBytes)
    {
        using var test = new TestHeap(32 << 20);
        test.Heap.GetUnlogged(Allocate(test.Heap, 64))[0] = 1;
        PtrSpan<byte> block = Allocate(test.Heap, sizeBytes);
        using (Transaction tx = test.Heap.Begin())
        {
            tx.Write(block.Start, (byte)2);
            tx.Commit();
        }

        test.Heap.GetUnlogged(block)[0] = 3;
        test.Heap.Persist(block);
        using (ScmHeap copy = test.OpenCopyAsIs(out _))
        {
            Assert.Equal(3, copy.Get(block)[0]);
        }

        // The same reference, after another transaction.
        Span<byte> held = test.Heap.GetUnlogged(block);
        using (Transaction tx = test.Heap.Begin())
        {
            tx.Write(block.Start, (byte)4);
            tx.Commit();
        }

        held[0] = 5;
        test.Heap.Persist(block);
        using ScmHeap again = test.OpenCopyAsIs(out _);
        Assert.Equal(5, again.Get(block)[0]);
    }

    [Fact]
    public void Memory_is_handed_out_unlogged_while_other_threads_commit_new_blocks()
    {
        using var test = new TestHeap(64 << 20);
        PtrSpan<byte> first = Allocate(test.Heap, 20_000);
        using var stop = new CancellationTokenSource();
        Thread[] writers = [.. Enumerable.Range(0, 3).Select(_ => new Thread(() =>
        {
            while (!stop.IsCancellationRequested)
            {
                PtrSpan<byte> block = Allocate(test.Heap, 10_000);
                using Transaction tx = test.Heap.Begin();
                tx.Free(block);
                tx.Commit();
            }
        }))];
        foreach (Thread writer in writers)
        {
            writer.Start();
        }

        Thread.Sleep(50);
        test.Heap.GetUnlogged(first)[0] = 1;
        Thread.Sleep(50);
        stop.Cancel();
        foreach (Thread writer in writers)
        {
            Assert.True(writer.Join(TimeSpan.FromMinutes(1)), "a commit waits for ever");
        }

        HeapCheckResult check = test.Heap.Check();
        Assert.Empty(check.Problems);
        Assert.Equal(1, check.AllocatedBlocks);
    }

    [Fact]
    public void What_was_written_to_a_reserved_block_before_it_was_published_survives_the_process()
    {
        using var test = new TestHeap();
        Ptr<Ptr<long>> root = test.Heap.Root<Ptr<long>>("root");
        Ptr<long> reserved = test.Heap.Reserve<long>(2 * sizeof(long));
        using (Transaction tx = test.Heap.Begin())
        {
            tx.Write(reserved, 1L);
            tx.Write(reserved, 2L);
            tx.Modify(reserved.Element(1)) = 3;
            tx.Publish(reserved);
            tx.Write(root, reserved);
            tx.Commit();
        }

        Assert.Equal(2, test.Heap.Get(reserved));
        using ScmHeap copy = test.OpenCopyAsIs(out _);
        Assert.Equal(2, copy.Get(copy.Get(root)));
        Assert.Equal(3, copy.Get(copy.Get(root).Element(1)));
    }

    [Fact]
    public void A_block_that_another_thread_freed_before_the_checkpoint_is_free_after_it()
    {
        // The freeing thread has the first lane, which a checkpoint meets before the allocating thread's.
        using var test = new TestHeap(8 << 20, new ScmHeapOptions { BackgroundCheckpoints = false });
        PtrSpan<byte> kept = Allocate(test.Heap, 48);
        PtrSpan<byte> freed = default;
        var allocating = new Thread(() => freed = Allocate(test.Heap, 48));
        allocating.Start();
        allocating.Join();
        using (Transaction tx = test.Heap.Begin())
        {
            tx.Free(freed);
            tx.Commit();
        }

        HeapCheckResult check = test.Heap.Check();
        Assert.Empty(check.Problems);
        Assert.Equal(1, check.AllocatedBlocks);
        test.Reopen();
        Assert.Equal(1, test.Heap.Check().AllocatedBlocks);
        Assert.Equal(48, test.Heap.UsableBytes(kept.Start));
    }

    [Fact]
    public void A_transaction_that_could_not_commit_leaves_its_blocks_as_they_were()
    {
        using var test = new TestHeap(2 << 20, new ScmHeapOptions { LaneCount = 2, LogBytes = 8192, BackgroundCheckpoints = false });
        PtrSpan<byte> old = Allocate(test.Heap, 64);
        PtrSpan<byte> target = Allocate(test.Heap, 1_200_000);
        byte[] content = new byte[target.Length];
        Assert.Throws<ScmOutOfSpaceException>(() =>
        {
            // More than the lane holds, and no room in the heap for what overflows it.
            using Transaction tx = test.Heap.Begin();
            tx.AllocSpan<byte>(64);
            tx.Free(old);
            tx.Write<byte>(target.Start, content);
            tx.Commit();
        });
        Assert.Equal(2, test.Heap.Check().AllocatedBlocks);
        using (Transaction tx = test.Heap.Begin())
        {
            tx.Free(old);
            tx.Commit();
        }

        Assert.Throws<ScmMisuseException>(() =>
        {
            using Transaction tx = test.Heap.Begin();
            tx.Free(old);
        });
        Assert.Equal(1, test.Heap.Check().AllocatedBlocks);
    }

    [Fact]
    public void A_heap_that_format_1_0_left_in_the_middle_of_its_work_opens_with_all_of_it_and_becomes_one_of_todays()
    {
        string path = Path.Combine(Directory.Exists("/dev/shm") ? "/dev/shm" : Path.GetTempPath(), $"cscm-former-{Guid.NewGuid():n}");
        try
        {
            // 120 squares, half of them and the 20,000 bytes still in the log; written by the release that made format 1.0.
            using (var packed = new BrotliStream(File.OpenRead(Path.Combine(AppContext.BaseDirectory, "Data", "heap-1.0.br")), CompressionMode.Decompress))
            using (FileStream file = File.Create(path))
            {
                packed.CopyTo(file);
            }

            using (ScmHeap heap = ScmHeap.Open(path, readOnly: true))
            {
                AssertWhole(heap);
                Assert.Equal("1.0", heap.Inspect().FormatVersion);
            }

            using (ScmHeap heap = ScmHeap.Open(path))
            {
                Assert.True(heap.ReplayedCount > 0);
                AssertWhole(heap);
                Assert.Equal("1.1", heap.Inspect().FormatVersion);
                Allocate(heap, 20_000);
            }

            using (ScmHeap heap = ScmHeap.Open(path))
            {
                AssertWhole(heap);
                Assert.Equal("1.1", heap.Inspect().FormatVersion);
                Assert.Empty(heap.Check().Problems);
            }
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static void AssertWhole(ScmHeap heap)
    {
        var squares = new ScmBTree<ulong, ulong>(heap, "squares");
        Assert.Equal(120, squares.Count);
        Assert.All(squares, pair => Assert.Equal(pair.Key * pair.Key, pair.Value));
        Assert.True(heap.TryGetRoot("large", out Ptr<PtrSpan<byte>> large));
        ReadOnlySpan<byte> content = heap.Get(heap.Get(large));
        Assert.Equal(20_000, content.Length);
        for (int i = 0; i < content.Length; i++)
        {
            Assert.Equal((byte)(i * 7), content[i]);
        }
    }

    private static PtrSpan<byte> Allocate(ScmHeap heap, int sizeBytes)
    {
        using Transaction tx = heap.Begin();
        PtrSpan<byte> block = tx.AllocSpan<byte>(sizeBytes);
        tx.Commit();
        return block;
    }
}
