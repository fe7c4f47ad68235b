using System.Diagnostics;
using Cscm.Memory.Worker;

namespace Cscm.Memory.Tests;

/// <summary>Kills a process in mid-commit, again and again. Shows atomicity and acknowledgement, not flushing: caches outlive a process.</summary>
public sealed class KillTests
{
    private const int Rounds = 12;
    private const int Threads = 4;

    [Fact]
    public void Every_acknowledged_transaction_survives_kill_9_and_none_is_half_done()
    {
        using var test = new TestHeap(4 << 20, new ScmHeapOptions { LaneCount = 4, LogBytes = 64 << 10 });
        using (Transaction tx = test.Heap.Begin())
        {
            tx.SetRoot("counters", tx.AllocSpan<Counter>(Threads).Start);
            tx.Commit();
        }

        test.Heap.Dispose();
        var random = new Random(1);
        long replayed = 0;
        for (int round = 0; round < Rounds; round++)
        {
            long[] acknowledged = RunAndKill(test.Path, TimeSpan.FromMilliseconds(random.Next(5, 150)));
            using ScmHeap heap = ScmHeap.Open(test.Path, test.Options);
            replayed += heap.ReplayedCount;
            Assert.True(heap.TryGetRoot("counters", out Ptr<Counter> counters));
            int blocks = 1;
            for (int i = 0; i < Threads; i++)
            {
                Counter counter = heap.Get(counters.Element(i));
                Assert.True(counter.Number >= acknowledged[i], $"round {round}: thread {i} was told {acknowledged[i]}, the heap says {counter.Number}");
                Assert.Equal(counter.Number, counter.Again);
                Assert.Equal(counter.Number == 0 ? 0 : 1 + (counter.Number % 40), counter.Block.Length);
                Assert.Equal(-1, heap.Get(counter.Block).IndexOfAnyExcept(counter.Number));
                blocks += counter.Block.IsEmpty ? 0 : 1;
            }

            HeapCheckResult check = heap.Check();
            Assert.Empty(check.Problems);
            Assert.Equal(blocks, check.AllocatedBlocks);
        }

        Assert.True(replayed > 0, "no kill ever left anything to replay");
    }

    private static long[] RunAndKill(string heap, TimeSpan after)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath is { } host && host.EndsWith("dotnet", StringComparison.Ordinal) ? host : "dotnet")
        {
            RedirectStandardOutput = true,
            UseShellExecute = false,
        };
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "Cscm.Memory.Worker.dll"));
        start.ArgumentList.Add(heap);
        start.ArgumentList.Add(Threads.ToString(System.Globalization.CultureInfo.InvariantCulture));
        using Process process = Process.Start(start)!;
        var acknowledged = new long[Threads];
        byte[] pair = new byte[16];
        Stream output = process.StandardOutput.BaseStream;
        Stopwatch? running = null;
        while (output.ReadAtLeast(pair, pair.Length, throwOnEndOfStream: false) == pair.Length)
        {
            acknowledged[BitConverter.ToInt64(pair)] = BitConverter.ToInt64(pair, 8);
            running ??= Stopwatch.StartNew();
            if (running.Elapsed > after)
            {
                // What is still in the pipe was acknowledged too, and is read on.
                process.Kill();
                after = TimeSpan.MaxValue;
            }
        }

        process.WaitForExit();
        Assert.NotNull(running);
        return acknowledged;
    }
}
