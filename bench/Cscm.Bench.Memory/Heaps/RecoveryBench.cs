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
    private const int LaneCount = 16;
    private const long FullLogBytes = 64L << 20;

    public static void Run(BenchOptions options)
    {
        string directory = options.Text("path", "/dev/shm");
        _ = options.Text("peers", "");
        int rounds = options.Count("rounds", 3);
        int heapGib = options.Count("heap-gib", 16);
        options.RefuseUnknown();

        Console.WriteLine($"Opening heaps in {directory}, {rounds} rounds; medians");
        var recovery = new Table("crashed: heap", "log", "transactions replayed", "open s");
        double fullLog = 0;
        foreach ((long heapBytes, long logBytes) in new[] { (256L << 20, 4L << 20), (1L << 30, 16L << 20), (1L << 30, FullLogBytes), (4L << 30, FullLogBytes) })
        {
            double[] seconds = [.. Enumerable.Range(-1, rounds + 1).Select(_ => Recover(directory, heapBytes, logBytes)).Skip(1)];
            double median = Rounds.Median(seconds);
            fullLog = logBytes == FullLogBytes ? Math.Max(fullLog, median) : fullLog;
            recovery.Add(Size(heapBytes), Size(logBytes), TransactionCount(logBytes).ToString(), median.ToString("0.000"));
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
        long heapBytes = long.Parse(options.Text("heap-bytes", ""), CultureInfo.InvariantCulture);
        long logBytes = long.Parse(options.Text("log-bytes", ""), CultureInfo.InvariantCulture);
        options.RefuseUnknown();

        ScmHeap heap = ScmHeap.Create(
            path,
            heapBytes,
            new ScmHeapOptions
            {
                Domain = PersistenceDomain.MemoryController,
                LaneCount = LaneCount,
                LogBytes = logBytes,
                BackgroundCheckpoints = false,
                Preallocate = false,
            });
        PtrSpan<ulong> area = Allocate(heap, 64 << 20);
        heap.Checkpoint();

        // Contexts take the lanes in turn; each thread stays below its lane's end, where a checkpoint would empty the log.
        long perLane = TransactionCount(logBytes) / LaneCount;
        var threads = new Thread[LaneCount];
        using var gate = new Barrier(LaneCount);
        for (int i = 0; i < LaneCount; i++)
        {
            ulong seed = (ulong)i;
            threads[i] = new Thread(() =>
            {
                gate.SignalAndWait();
                for (ulong n = 0; n < (ulong)perLane; n++)
                {
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

    private static double Recover(string directory, long heapBytes, long logBytes)
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
                heapBytes.ToString(),
                "--log-bytes",
                logBytes.ToString(),
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
            if (heap.ReplayedCount != TransactionCount(logBytes))
            {
                throw new BenchException(
                    $"recovery replayed {heap.ReplayedCount} transactions, but {TransactionCount(logBytes)} were in the log: it was not full");
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

    private static long TransactionCount(long logBytes) => (long)(logBytes / LaneCount * Fill / RecordBytes) * LaneCount;

    private static string Size(long bytes) => bytes >= 1L << 30 ? $"{bytes >> 30} GiB" : $"{bytes >> 20} MiB";
}
