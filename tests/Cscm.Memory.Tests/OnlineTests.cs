using Cscm.Memory.Medium;

namespace Cscm.Memory.Tests;

/// <summary>What goes on while writers go on, and what is said of it.</summary>
public sealed class OnlineTests
{
    private const int Writers = 2;

    [Fact]
    public void A_heap_grows_under_writers_who_lose_nothing_and_use_the_new_room()
    {
        using var test = new TestHeap(4 << 20, new ScmHeapOptions { LaneCount = 4, LogBytes = 256 << 10 });
        using var stop = new CancellationTokenSource();
        long[] written = new long[Writers];
        Exception? failure = null;
        var threads = new Thread[Writers];
        for (int i = 0; i < Writers; i++)
        {
            int writer = i;
            Ptr<long> counter = test.Heap.Root<long>($"counter {writer}");
            threads[i] = new Thread(() => failure ??= Record.Exception(() =>
            {
                while (!stop.IsCancellationRequested)
                {
                    using Transaction tx = test.Heap.Begin();
                    tx.Write(counter, ++written[writer]);
                    tx.Free(tx.AllocSpan<byte>(100));
                    tx.Commit();
                }
            }));
            threads[i].Start();
        }

        for (int megabytes = 8; megabytes <= 24; megabytes += 4)
        {
            Thread.Sleep(20);
            test.Heap.Grow((long)megabytes << 20);
        }

        using (Transaction tx = test.Heap.Begin())
        {
            tx.AllocSpan<byte>(3 << 20);
            tx.AllocSpan<byte>(3 << 20);
            tx.Commit();
        }

        stop.Cancel();
        foreach (Thread thread in threads)
        {
            thread.Join();
        }

        Assert.Null(failure);
        using ScmHeap copy = test.OpenCopyAsIs(out _);
        Assert.Equal(24L << 20, copy.SizeBytes);
        for (int i = 0; i < Writers; i++)
        {
            Assert.True(copy.TryGetRoot($"counter {i}", out Ptr<long> counter));
            Assert.Equal(written[i], copy.Get(counter));
        }

        Assert.Empty(copy.Check().Problems);
    }

    [Fact]
    public void The_worst_wait_for_log_space_is_reported()
    {
        // Nobody makes room but who needs it.
        using var test = new TestHeap(4 << 20, new ScmHeapOptions { LaneCount = 4, LogBytes = 32 << 10, BackgroundCheckpoints = false });
        Ptr<long> x = test.Heap.Root<long>("x");
        Assert.Equal(TimeSpan.Zero, test.Heap.Metrics.WorstStall);
        for (int i = 0; i < 1000; i++)
        {
            using Transaction tx = test.Heap.Begin();
            tx.Write(x, (long)i);
            tx.Commit();
        }

        Assert.InRange(test.Heap.Metrics.WorstStall, TimeSpan.FromTicks(1), TimeSpan.FromSeconds(30));
    }

    [Fact]
    public void The_environment_overrides_the_domain_that_is_found_and_the_option_overrides_both()
    {
        using var test = new TestHeap();
        test.Heap.Dispose();
        try
        {
            Environment.SetEnvironmentVariable(DomainDetection.Variable, "cpu_cache");
            using (ScmHeap heap = ScmHeap.Open(test.Path))
            {
                Assert.Equal(PersistenceDomain.CpuCache, heap.Domain);
                Assert.Contains(DomainDetection.Variable, heap.Describe(), StringComparison.Ordinal);
            }

            using (ScmHeap heap = ScmHeap.Open(test.Path, new ScmHeapOptions { Domain = PersistenceDomain.PageCache }))
            {
                Assert.Equal(PersistenceDomain.PageCache, heap.Domain);
                Assert.Contains("ScmHeapOptions.Domain", heap.Describe(), StringComparison.Ordinal);
            }

            Environment.SetEnvironmentVariable(DomainDetection.Variable, "pagecache");
            Assert.Contains("memory_controller", Assert.Throws<ScmMisuseException>(() => ScmHeap.Open(test.Path)).Message, StringComparison.Ordinal);
        }
        finally
        {
            Environment.SetEnvironmentVariable(DomainDetection.Variable, null);
        }
    }
}
