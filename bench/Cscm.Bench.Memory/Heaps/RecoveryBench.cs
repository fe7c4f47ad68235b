using System.Diagnostics;
using System.Globalization;
using Cscm.Bench.Memory.Measuring;
using Cscm.Memory;

namespace Cscm.Bench.Memory.Heaps;

/// <summary>
/// How long opening a heap takes: after a crash, against the sizes of log and heap, with a log as full as it gets of the shortest
/// transactions; and after an orderly close, against the size of the heap, full of 1 KiB blocks. The crash is real: a child process fills the log
/// without a checkpoint and kills itself.
/// </summary>
public static class RecoveryBench
{
    private const int KilledStatus = 128 + 9;
    private const long RecordBytes = 64;
    private const double Fill = 0.98;
    private const long FullLogBytes = 64L << 20;

    public static void Run(BenchOptions options)
    {
        string directory = options.Text("path", "/dev/shm");
        _ = options.Text("peers", "");
        int rounds = options.Count("rounds", 3);
        int heapGib = options.Count("heap-gib", 16);
        options.RefuseUnknown();

        Console.WriteLine($"Opening heaps in {directory}, {rounds} rounds; medians");
        var recovery = new Table("crashed: heap", "log", "lanes", "transactions replayed", "open s");
        double fullLog = 0;
        Crash[] crashes =
        [
            new(256L << 20, 4L << 20, Lanes: 1),
            new(1L << 30, 16L << 20, Lanes: 1),
            new(1L << 30, FullLogBytes, Lanes: 1),
            new(4L << 30, FullLogBytes, Lanes: 1),
            new(4L << 30, FullLogBytes, Lanes: 16),
        ];
        foreach (Crash crash in crashes)
        {
            double[] seconds = [.. Enumerable.Range(-1, rounds + 1).Select(_ => Recover(directory, crash)).Skip(1)];
            double median = Rounds.Median(seconds);
            fullLog = crash.LogBytes == FullLogBytes ? Math.Max(fullLog, median) : fullLog;
            recovery.Add(
                Size(crash.HeapBytes),
                Size(crash.LogBytes),
                crash.Lanes.ToString(),
                crash.TransactionCount.ToString(),
                median.ToString("0.000"));
        }

        recovery.Print();
        var opening = new Table("closed: heap", "blocks", "open s");
        double largest = 0;
        for (long gib = Math.Max(1, heapGib / 16); gib <= heapGib; gib *= 4)
        {
            (largest, long blocks) = OpenFull(directory, gib << 30, rounds);
            opening.Add(Size(gib << 30), blocks.ToString(), largest.ToString("0.000"));
        }

        opening.Print();
        var figures = new Figures();
        figures.Add("recovery_full_log_s", fullLog, "0.000");
        figures.Add($"open_{heapGib}g_s", largest, "0.000");
        figures.Print();
    }

    /// <summary>The child's part: fills every lane of a new heap's log and ends without any clean-up.</summary>
    public static void FillLogAndDie(BenchOptions options)
    {
        string path = options.Text("file", "");
        var crash = new Crash(
            long.Parse(options.Text("heap-bytes", ""), CultureInfo.InvariantCulture),
            long.Parse(options.Text("log-bytes", ""), CultureInfo.InvariantCulture),
            options.Count("lanes", 1));
        options.RefuseUnknown();

        ScmHeap heap = ScmHeap.Create(
            path,
            crash.HeapBytes,
            new ScmHeapOptions
            {
                Domain = PersistenceDomain.MemoryController,
                LaneCount = crash.Lanes,
                LogBytes = crash.LogBytes,
                BackgroundCheckpoints = false,
                Preallocate = false,
            });
        PtrSpan<ulong> area = Allocate(heap, 64 << 20);
        heap.Checkpoint();

        // Each thread fills a lane, and stays below its end, where a checkpoint would empty the log.
        var threads = new Thread[crash.Threads];
        using var gate = new Barrier(crash.Threads);
        for (int i = 0; i < threads.Length; i++)
        {
            ulong seed = (ulong)i;
            threads[i] = new Thread(() =>
            {
                for (ulong n = 0; n < (ulong)crash.TransactionsPerLane; n++)
                {
                    // All have their lanes before one can end and leave its own to another.
                    if (n == 1)
                        gate.SignalAndWait();
                    using Transaction tx = heap.Begin();
                    tx.Write(area.Start.Element((long)SplitMix64.Below((ulong)area.Length, seed, n)), n);
                    tx.Commit();
                }
            });
            threads[i].Start();
        }

        foreach (Thread thread in threads)
            thread.Join();
        Process.GetCurrentProcess().Kill();
    }

    private static double Recover(string directory, Crash crash)
    {
        string path = Path.Combine(directory, $"cscm-bench-recovery-{Environment.ProcessId}");
        try
        {
            var start = new ProcessStartInfo(Environment.ProcessPath!);
            string[] arguments =
            [
                typeof(RecoveryBench).Assembly.Location,
                "recovery-child",
                "--file",
                path,
                "--heap-bytes",
                crash.HeapBytes.ToString(),
                "--log-bytes",
                crash.LogBytes.ToString(),
                "--lanes",
                crash.Lanes.ToString(),
            ];
            foreach (string argument in arguments)
                start.ArgumentList.Add(argument);
            using (Process child = Process.Start(start)!)
            {
                child.WaitForExit();
                if (child.ExitCode != KilledStatus)
                    throw new BenchException($"the child that fills the log ended with status {child.ExitCode}; its own message stands above");
            }

            long began = Stopwatch.GetTimestamp();
            using ScmHeap heap = ScmHeap.Open(path, new ScmHeapOptions { Domain = PersistenceDomain.MemoryController });
            double seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
            if (heap.ReplayedCount != crash.TransactionCount)
            {
                throw new BenchException(
                    $"recovery replayed {heap.ReplayedCount} transactions, but {crash.TransactionCount} were in the log: it was not full");
            }

            return seconds;
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static (double Seconds, long Blocks) OpenFull(string directory, long heapBytes, int rounds)
    {
        string path = Path.Combine(directory, $"cscm-bench-open-{Environment.ProcessId}");
        try
        {
            long blocks = FillWithBlocks(path, heapBytes);
            double[] seconds = new double[rounds];
            for (int round = -1; round < rounds; round++)
            {
                long began = Stopwatch.GetTimestamp();
                using ScmHeap heap = ScmHeap.Open(path, new ScmHeapOptions { Domain = PersistenceDomain.MemoryController });
                if (round >= 0)
                    seconds[round] = Stopwatch.GetElapsedTime(began).TotalSeconds;
            }

            return (Rounds.Median(seconds), blocks);
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static long FillWithBlocks(string path, long heapBytes)
    {
        // In the cpu_cache domain new blocks are not written back, so their pages stay untouched and need no memory of this machine.
        var options = new ScmHeapOptions { Domain = PersistenceDomain.CpuCache, Preallocate = false };
        using ScmHeap heap = ScmHeap.Create(path, heapBytes, options);
        long blocks = 0;
        try
        {
            while (true)
            {
                using Transaction tx = heap.Begin();
                for (int i = 0; i < 512; i++)
                    _ = tx.AllocSpan<byte>(1024, zeroed: false);
                tx.Commit();
                blocks += 512;
            }
        }
        catch (ScmOutOfSpaceException)
        {
            return blocks;
        }
    }

    private static PtrSpan<ulong> Allocate(ScmHeap heap, long sizeBytes)
    {
        using Transaction tx = heap.Begin();
        PtrSpan<ulong> area = tx.AllocSpan<ulong>(sizeBytes / sizeof(ulong));
        tx.Commit();
        return area;
    }

    private static string Size(long bytes) => bytes >= 1L << 30 ? $"{bytes >> 30} GiB" : $"{bytes >> 20} MiB";

    /// <summary>
    /// A heap to be left behind by a crash. Of several lanes one is the main thread's, and a quarter is kept for threads that share, of
    /// which one thread alone fills one.
    /// </summary>
    private sealed record Crash(long HeapBytes, long LogBytes, int Lanes)
    {
        public int Threads => Lanes == 1 ? 1 : Lanes * 3 / 4;

        public long TransactionsPerLane => (long)(LogBytes / Lanes * Fill / RecordBytes);

        public long TransactionCount => TransactionsPerLane * Threads;
    }
}
