namespace Cscm.Memory.Tests;

public sealed class AllocatorTests
{
    [Fact]
    public void Random_allocation_keeps_every_block_apart_and_intact_over_reopening()
    {
        using var test = new TestHeap(32 << 20);
        var random = new Random(1);
        var live = new Dictionary<long, PtrSpan<byte>>();
        for (int round = 0; round < 3; round++)
        {
            for (int i = 0; i < 3000; i++)
            {
                using Transaction tx = test.Heap.Begin();
                if (live.Count > 0 && random.Next(100) < 45)
                {
                    PtrSpan<byte> victim = live.Values.ElementAt(random.Next(live.Count));
                    Assert.Equal(-1, test.Heap.Get(victim).IndexOfAnyExcept((byte)victim.Start.Offset.GetHashCode()));
                    tx.Free(victim);
                    tx.Commit();
                    live.Remove(victim.Start.Offset);
                    continue;
                }

                int size = random.Next(20) == 0 ? random.Next(1, 300_000) : random.Next(1, 2000);
                PtrSpan<byte> span = tx.AllocSpan<byte>(size, zeroed: false);
                byte[] content = new byte[size];
                Array.Fill(content, (byte)span.Start.Offset.GetHashCode());
                tx.Write(span.Start, (ReadOnlySpan<byte>)content);
                if (random.Next(10) == 0)
                {
                    continue;
                }

                tx.Commit();
                Assert.True(live.TryAdd(span.Start.Offset, span));
            }

            AssertDisjoint(test.Heap, live.Values);
            test.Reopen();
            foreach (PtrSpan<byte> span in live.Values)
            {
                Assert.Equal(-1, test.Heap.Get(span).IndexOfAnyExcept((byte)span.Start.Offset.GetHashCode()));
            }

            HeapCheckResult check = test.Heap.Check();
            Assert.Empty(check.Problems);
            Assert.Equal(live.Count, check.AllocatedBlocks);
            Assert.Equal(check.AllocatedBytes, test.Heap.Usage.AllocatedBytes);
        }
    }

    [Fact]
    public void Everything_freed_gives_back_everything()
    {
        using var test = new TestHeap(16 << 20);
        long largest = test.Heap.Usage.LargestExtentBytes;
        var spans = new List<PtrSpan<byte>>();
        for (int i = 1; i < 4000; i++)
        {
            using Transaction tx = test.Heap.Begin();
            spans.Add(tx.AllocSpan<byte>(i, zeroed: false));
            tx.Commit();
        }

        foreach (PtrSpan<byte> span in spans)
        {
            using Transaction tx = test.Heap.Begin();
            tx.Free(span);
            tx.Commit();
        }

        // One allocation of everything: what waits for a checkpoint, in caches and in empty runs, must come back for it.
        using (Transaction tx = test.Heap.Begin())
        {
            PtrSpan<byte> all = tx.AllocSpan<byte>(largest, zeroed: false);
            tx.Commit();
            Assert.Equal(largest, test.Heap.UsableBytes(all.Start));
        }

        test.Reopen();
        Assert.Equal(1, test.Heap.Check().AllocatedBlocks);
    }

    [Theory]
    [InlineData(1, 16)]
    [InlineData(100, 64)]
    [InlineData(3000, 4096)]
    [InlineData(70_000, 65536)]
    [InlineData(10, 65536)]
    [InlineData(3_000_000, 2 << 20)]
    public void Aligned_blocks_start_at_multiples_of_their_alignment(int size, int alignment)
    {
        using var test = new TestHeap(64 << 20);
        using Transaction tx = test.Heap.Begin();
        for (int i = 0; i < 5; i++)
        {
            PtrSpan<byte> span = tx.AllocSpan<byte>(size, alignment: alignment);
            Assert.Equal(0, span.Start.Offset % alignment);
            Assert.True(test.Heap.UsableBytes(span.Start) >= size);
        }

        tx.Commit();
    }

    [Fact]
    public void Reallocation_keeps_content_and_zeroes_what_is_new()
    {
        using var test = new TestHeap();
        Ptr<PtrSpan<int>> root = test.Heap.Root<PtrSpan<int>>("array");
        foreach (int length in (int[])[10, 12, 11, 5000, 4999, 100_000, 3, 0, 7])
        {
            using Transaction tx = test.Heap.Begin();
            PtrSpan<int> old = tx.Read(root);
            PtrSpan<int> now = tx.Realloc(old, length);
            tx.Write(root, now);
            var content = new int[length];
            tx.Read(now.Start, content.AsSpan());
            for (int i = 0; i < length; i++)
            {
                Assert.Equal(i < old.Length ? i + 1 : 0, content[i]);
                content[i] = i + 1;
            }

            tx.Write(now.Start, (ReadOnlySpan<int>)content);
            tx.Commit();
        }

        Assert.Equal([1, 2, 3, 4, 5, 6, 7], test.Heap.Get(test.Heap.Get(root)).ToArray());
        Assert.Equal(2, test.Heap.Check().AllocatedBlocks);
    }

    [Fact]
    public void Exhaustion_is_reported_and_leaves_the_heap_usable()
    {
        using var test = new TestHeap(2 << 20);
        var spans = new List<PtrSpan<byte>>();
        ScmOutOfSpaceException error = Assert.Throws<ScmOutOfSpaceException>(() =>
        {
            for (int i = 0; i < 1000; i++)
            {
                using Transaction tx = test.Heap.Begin();
                spans.Add(tx.AllocSpan<byte>(10_000));
                tx.Commit();
            }
        });
        Assert.Contains("Grow", error.Message, StringComparison.Ordinal);
        Assert.True(spans.Count * 10_000L > test.Heap.Usage.DataBytes * 6 / 10);
        using (Transaction tx = test.Heap.Begin())
        {
            tx.Free(spans[0]);
            tx.Commit();
        }

        using (Transaction tx = test.Heap.Begin())
        {
            tx.AllocSpan<byte>(10_000);
            tx.Commit();
        }
    }

    [Fact]
    public void Misuse_is_refused_by_name()
    {
        using var test = new TestHeap();
        ScmHeap heap = test.Heap;
        PtrSpan<long> span;
        using (Transaction tx = heap.Begin())
        {
            span = tx.AllocSpan<long>(10);
            tx.Commit();
        }

        using (Transaction tx = heap.Begin())
        {
            tx.Free(span);
            tx.Commit();
        }

        Expect(tx => tx.Free(span));
        Expect(tx => tx.Free(span.Start.Element(1)));
        Expect(tx => tx.Write(new Ptr<long>(0), 1));
        Expect(tx => tx.Write(new Ptr<long>(64), 1));
        Expect(tx => tx.Write(new Ptr<long>(heap.SizeBytes - 4), 1));
        Expect(tx => tx.Write(new Ptr<long>(long.MaxValue - 4), 1));
        Expect(tx => tx.Write(new Ptr<long>(-8), 1));
        long local = 1;
        Expect(tx => tx.Set(in local, 2));
        Expect(tx =>
        {
            PtrSpan<byte> twice = tx.AllocSpan<byte>(10);
            tx.Free(twice);
            tx.Free(twice);
        });
        Assert.Throws<ScmMisuseException>(() => heap.Get(new Ptr<long>(heap.SizeBytes)));

        void Expect(Action<Transaction> act) => Assert.Throws<ScmMisuseException>(() =>
        {
            using Transaction tx = heap.Begin();
            act(tx);
        });
    }

    [Fact]
    public void Reserved_blocks_are_free_again_after_a_crash_unless_published()
    {
        using var test = new TestHeap();
        Ptr<long> kept = test.Heap.Reserve<long>(64);
        Ptr<long> lost = test.Heap.Reserve<long>(64);
        test.Heap.GetUnlogged(new PtrSpan<long>(kept, 1))[0] = 77;
        using (Transaction tx = test.Heap.Begin())
        {
            tx.Publish(kept);
            tx.SetRoot("kept", kept);
            tx.Commit();
        }

        Assert.Throws<ScmMisuseException>(() => test.Heap.Cancel(kept));
        test.Heap.Cancel(lost);
        Ptr<long> again = test.Heap.Reserve<long>(64);
        using ScmHeap copy = test.OpenCopyAsIs(out _);
        Assert.Equal(1, copy.Check().AllocatedBlocks);
        Assert.True(copy.TryGetRoot("kept", out Ptr<long> found));
        Assert.Equal(77, copy.Get(found));
        Assert.False(again.IsNull);
    }

    private static void AssertDisjoint(ScmHeap heap, IEnumerable<PtrSpan<byte>> spans)
    {
        long end = 0;
        foreach (PtrSpan<byte> span in spans.OrderBy(span => span.Start.Offset))
        {
            Assert.True(span.Start.Offset >= end);
            end = span.Start.Offset + heap.UsableBytes(span.Start);
        }
    }
}
