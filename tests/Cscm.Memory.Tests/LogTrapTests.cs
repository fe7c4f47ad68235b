using Cscm.Memory.Medium;

namespace Cscm.Memory.Tests;

/// <summary>The four traps of a redo log with several lanes.</summary>
public sealed class LogTrapTests
{
    private static readonly ScmHeapOptions s_small = new() { LaneCount = 4, LogBytes = 16384, BackgroundCheckpoints = false };

    [Fact]
    public void Truncating_a_busy_lane_does_not_let_an_older_record_of_a_quiet_lane_win()
    {
        using var test = new TestHeap(2 << 20, s_small);
        Ptr<long> x = test.Heap.Root<long>("x");
        test.Heap.Checkpoint();
        Commit(test.Heap, x, 1);
        OnAnotherThread(() =>
        {
            Commit(test.Heap, x, 2);
            PtrSpan<long> other = Array(test.Heap, 64);
            // Several laps of this thread's lane.
            for (int i = 0; i < 1000; i++)
            {
                Commit(test.Heap, other.Start.Element(i % 64), i);
            }
        });

        Assert.Equal(2, ReadAfterCrash(test));
    }

    [Fact]
    public void The_horizon_stays_below_a_commit_whose_home_is_not_written()
    {
        using var gate = new BlockingRecorder { Site = PersistSite.FenceCommit, AfterEvent = true };
        using var test = new TestHeap(2 << 20, s_small with { Recorder = gate });
        Ptr<long> x = test.Heap.Root<long>("x");
        PtrSpan<long> other = Array(test.Heap, 8);
        Thread slow = gate.RunUntilBlocked(() => Commit(test.Heap, x, 5));
        Commit(test.Heap, other.Start, 1);
        test.Heap.Checkpoint();
        Commit(test.Heap, other.Start, 2);
        Assert.Equal(0, test.Heap.Get(x));
        Assert.Equal(5, ReadAfterCrash(test));
        gate.Release();
        slow.Join();
        Assert.Equal(5, test.Heap.Get(x));
    }

    [Fact]
    public void A_freed_block_is_not_initialised_in_place_before_the_horizon_has_passed_its_freeing()
    {
        using var test = new TestHeap(2 << 20, s_small);
        PtrSpan<long> block = Array(test.Heap, 8);
        test.Heap.Checkpoint();
        for (int i = 0; i < 8; i++)
        {
            Commit(test.Heap, block.Start.Element(i), -1);
        }

        using (Transaction tx = test.Heap.Begin())
        {
            tx.Free(block);
            tx.Commit();
        }

        // More than any cache holds, so that the freed block would come round; few enough not to need a checkpoint.
        using (Transaction tx = test.Heap.Begin())
        {
            PtrSpan<PtrSpan<long>> all = tx.AllocSpan<PtrSpan<long>>(100);
            for (int i = 0; i < 100; i++)
            {
                tx.Write(all.Start.Element(i), tx.AllocSpan<long>([7, 7, 7, 7, 7, 7, 7, 7]));
            }

            tx.SetRoot("all", all.Start);
            tx.Commit();
        }

        using ScmHeap copy = test.OpenCopyAsIs(out _);
        Assert.True(copy.TryGetRoot("all", out Ptr<PtrSpan<long>> found));
        for (int i = 0; i < 100; i++)
        {
            Assert.Equal(-1, copy.Get(copy.Get(found.Element(i))).IndexOfAnyExcept(7));
        }
    }

    [Fact]
    public void Replay_goes_on_behind_a_hole_in_the_sequence()
    {
        using var gate = new BlockingRecorder { Site = PersistSite.FenceCommit, AfterEvent = false };
        using var test = new TestHeap(2 << 20, s_small with { Recorder = gate });
        Ptr<long> x = test.Heap.Root<long>("x");
        PtrSpan<long> other = Array(test.Heap, 8);
        test.Heap.Checkpoint();
        Thread slow = gate.RunUntilBlocked(() => Commit(test.Heap, other.Start, 1));
        Commit(test.Heap, x, 9);

        // The slow thread's record never reached the medium, nor did the line of x, which only its own record can restore.
        File.Copy(test.Path, test.Path + "-copy", overwrite: true);
        using (FileStream copy = File.OpenWrite(test.Path + "-copy"))
        {
            copy.Position = gate.LastRecordOffset;
            copy.Write(new byte[64]);
            copy.Position = x.Offset;
            copy.Write(new byte[8]);
        }

        using (ScmHeap crashed = ScmHeap.Open(test.Path + "-copy", test.Options with { Recorder = null }))
        {
            Assert.True(crashed.TryGetRoot("x", out Ptr<long> found));
            Assert.Equal(9, crashed.Get(found));
            Assert.Equal(0, crashed.Get(other.Start));
        }

        gate.Release();
        slow.Join();
    }

    [Theory]
    [InlineData(PersistenceDomain.MemoryController)]
    [InlineData(PersistenceDomain.CpuCache)]
    [InlineData(PersistenceDomain.PageCache)]
    [InlineData(PersistenceDomain.Volatile)]
    public void Home_memory_changes_only_behind_the_fence_of_its_record(PersistenceDomain domain)
    {
        using var gate = new BlockingRecorder { Site = PersistSite.FenceCommit, AfterEvent = false };
        using var test = new TestHeap(2 << 20, s_small with { Recorder = gate, Domain = domain });
        Ptr<long> x = test.Heap.Root<long>("x");
        Thread slow = gate.RunUntilBlocked(() => Commit(test.Heap, x, 5));
        Assert.Equal(0, test.Heap.Get(x));
        gate.Release();
        slow.Join();
        Assert.Equal(5, test.Heap.Get(x));
    }

    [Fact]
    public void A_damaged_record_in_the_middle_of_a_lane_is_an_error_not_the_end()
    {
        using var test = new TestHeap(2 << 20, s_small);
        Ptr<long> x = test.Heap.Root<long>("x");
        test.Heap.Checkpoint();
        for (int i = 0; i < 5; i++)
        {
            Commit(test.Heap, x, i);
        }

        File.Copy(test.Path, test.Path + "-copy", overwrite: true);
        byte[] bytes = File.ReadAllBytes(test.Path + "-copy");
        // The second of the five records: a line each, in the lane after the checkpoint.
        int at = (int)Media.MediaLayout.LogStart;
        while (BitConverter.ToUInt32(bytes, at + 12) != (uint)Media.LogRecordKind.Transaction || BitConverter.ToInt64(bytes, at + 32) != 1)
        {
            at += 64;
        }

        bytes[at + 33] ^= 1;
        File.WriteAllBytes(test.Path + "-copy", bytes);
        Assert.Throws<ScmCorruptionException>(() => ScmHeap.Open(test.Path + "-copy", test.Options));
    }

    private static long ReadAfterCrash(TestHeap test)
    {
        File.Copy(test.Path, test.Path + "-copy", overwrite: true);
        using ScmHeap copy = ScmHeap.Open(test.Path + "-copy", test.Options with { Recorder = null });
        Assert.True(copy.TryGetRoot("x", out Ptr<long> found));
        return copy.Get(found);
    }

    private static void Commit(ScmHeap heap, Ptr<long> pointer, long value)
    {
        using Transaction tx = heap.Begin();
        tx.Write(pointer, value);
        tx.Commit();
    }

    private static PtrSpan<long> Array(ScmHeap heap, int length)
    {
        using Transaction tx = heap.Begin();
        PtrSpan<long> span = tx.AllocSpan<long>(length);
        tx.Commit();
        return span;
    }

    private static void OnAnotherThread(Action act)
    {
        Exception? failure = null;
        var thread = new Thread(() => failure = Record.Exception(act));
        thread.Start();
        thread.Join();
        Assert.Null(failure);
    }
}
