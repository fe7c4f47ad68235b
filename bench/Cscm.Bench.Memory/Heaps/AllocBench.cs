using System.Diagnostics;
using Cscm.Bench.Memory.Measuring;
using Cscm.Bench.Memory.Peers;
using Cscm.Memory;

namespace Cscm.Bench.Memory.Heaps;

/// <summary>
/// Allocation and free on one and two threads. Outside transactions: reserve and cancel, which are not durable and need no fence
/// (libpmemobj's atomic allocation, which is durable, stands beside it for orientation only). In transactions: one allocation or one
/// free each, durable on both sides, batch by batch in turn.
/// </summary>
public static class AllocBench
{
    private static readonly int[] s_sizes = [64, 256, 1024, 4096];

    public static void Run(BenchOptions options)
    {
        string directory = options.Text("path", "/dev/shm");
        string peers = options.Text("peers", "artifacts/peers");
        int count = options.Count("objects", 20_000);
        int rounds = options.Count("rounds", 20);
        options.RefuseUnknown();

        using var file = new BenchHeap(directory, "alloc", 1L << 30);
        using Peer pmdk = PmdkPeer.Start(peers, "pmdk-alloc", directory);
        Console.WriteLine($"Allocation in {directory}, {count} objects per thread and round, {rounds} rounds; medians\n");

        double allocMops = 0, txSpeedup = double.PositiveInfinity;
        var outside = new Table("outside transactions", "threads", "ours M pairs/s", "libpmemobj atomic M pairs/s");
        var inside = new Table("in transactions", "threads", "ours M alloc/s", "M free/s", "fences per alloc", "libpmemobj M alloc/s", "M free/s", "times faster");
        foreach (int threads in (int[])[1, 2])
        {
            foreach (int size in s_sizes)
            {
                Batch.WarmUp(count / 20, n => OnThreads(threads, n, new Reservations(file.Heap, size)));
                PhaseTimes[][] pairs = Rounds.Run(
                    3,
                    rounds,
                    () => OnThreads(threads, count, new Reservations(file.Heap, size)),
                    () => Ask(pmdk, $"atomic {size} {threads} {count}"));
                double ours = Rounds.Median(pairs[0].Select(t => t.Mops(t.Total)));
                outside.Add($"{size} B", threads.ToString(), ours.ToString("0.0"), Rounds.Median(pairs[1].Select(t => t.Mops(t.Total))).ToString("0.0"));
                if (size == 64 && threads == 1)
                    allocMops = ours;

                Batch.WarmUp(count / 20, n => OnThreads(threads, n, new TransactionalBlocks(file.Heap, size)));
                PhaseTimes[][] tx = Rounds.Run(
                    3,
                    rounds,
                    () => OnThreads(threads, count, new TransactionalBlocks(file.Heap, size)),
                    () => Ask(pmdk, $"tx {size} {threads} {count}"));
                double speedup = Rounds.Speedup(tx[0].Select(t => t.Allocate), tx[1].Select(t => t.Allocate));
                txSpeedup = threads == 1 ? Math.Min(txSpeedup, speedup) : txSpeedup;
                Cost cost = Cost.Of(file.Heap, count, n => OnThreads(1, n, new TransactionalBlocks(file.Heap, size)));
                inside.Add(
                    $"{size} B",
                    threads.ToString(),
                    Median(tx[0], t => t.Allocate),
                    Median(tx[0], t => t.Free),
                    (cost.Fences / 2).ToString("0.00"),
                    Median(tx[1], t => t.Allocate),
                    Median(tx[1], t => t.Free),
                    speedup.ToString("0.00"));
            }
        }

        outside.Print();
        inside.Print();

        // 64 bytes on one thread; in transactions the least favourable size on one thread.
        var figures = new Figures();
        figures.Add("alloc_mops", allocMops, "0.0");
        figures.Add("tx_alloc_vs_pmdk", txSpeedup);
        figures.Print();
    }

    private static string Median(PhaseTimes[] times, Func<PhaseTimes, double> phase) =>
        Rounds.Median(times.Select(t => t.Mops(phase(t)))).ToString("0.00");

    private static PhaseTimes Ask(Peer peer, string line)
    {
        PeerReply reply = peer.Ask(line);
        return new PhaseTimes(reply["alloc_ns"], reply["free_ns"], reply["ops"]);
    }

    /// <summary>All threads allocate, then all free; a phase lasts from the first thread's start to the last one's end.</summary>
    private static PhaseTimes OnThreads(int threads, int count, IBlocks blocks)
    {
        using var barrier = new Barrier(threads);
        var starts = new long[2, threads];
        var ends = new long[2, threads];
        Exception? failure = null;
        var workers = new Thread[threads];
        for (int i = 0; i < threads; i++)
        {
            int worker = i;
            workers[i] = new Thread(() =>
            {
                var mine = new Ptr<byte>[count];
                Phase(0, worker, () => blocks.Allocate(mine));
                Phase(1, worker, () => blocks.Free(mine));
            });
            workers[i].Start();
        }

        foreach (Thread worker in workers)
            worker.Join();
        if (failure is not null)
            throw new BenchException($"an allocating thread failed: {failure}");
        return new PhaseTimes(Elapsed(0), Elapsed(1), (double)threads * count);

        void Phase(int phase, int worker, Action work)
        {
            barrier.SignalAndWait();
            starts[phase, worker] = Stopwatch.GetTimestamp();
            try
            {
                work();
            }
            catch (Exception exception)
            {
                // The barriers must still be passed, or the others wait for ever.
                failure = exception;
            }

            ends[phase, worker] = Stopwatch.GetTimestamp();
        }

        double Elapsed(int phase)
        {
            IEnumerable<int> all = Enumerable.Range(0, threads);
            return Stopwatch.GetElapsedTime(all.Min(i => starts[phase, i]), all.Max(i => ends[phase, i])).TotalNanoseconds;
        }
    }

    private readonly record struct PhaseTimes(double Allocate, double Free, double Operations)
    {
        public double Total => Allocate + Free;

        /// <summary>Million operations a second.</summary>
        public double Mops(double nanoseconds) => Operations / nanoseconds * 1000;
    }

    private interface IBlocks
    {
        public void Allocate(Span<Ptr<byte>> blocks);

        public void Free(ReadOnlySpan<Ptr<byte>> blocks);
    }

    private sealed class Reservations(ScmHeap heap, int sizeBytes) : IBlocks
    {
        public void Allocate(Span<Ptr<byte>> blocks)
        {
            foreach (ref Ptr<byte> block in blocks)
                block = heap.Reserve<byte>(sizeBytes);
        }

        public void Free(ReadOnlySpan<Ptr<byte>> blocks)
        {
            foreach (Ptr<byte> block in blocks)
                heap.Cancel(block);
        }
    }

    private sealed class TransactionalBlocks(ScmHeap heap, int sizeBytes) : IBlocks
    {
        public void Allocate(Span<Ptr<byte>> blocks)
        {
            foreach (ref Ptr<byte> block in blocks)
            {
                using Transaction tx = heap.Begin();
                // Not zeroed: pmemobj_tx_alloc does not zero either.
                block = tx.AllocSpan<byte>(sizeBytes, zeroed: false).Start;
                tx.Commit();
            }
        }

        public void Free(ReadOnlySpan<Ptr<byte>> blocks)
        {
            foreach (Ptr<byte> block in blocks)
            {
                using Transaction tx = heap.Begin();
                tx.Free(block);
                tx.Commit();
            }
        }
    }
}
