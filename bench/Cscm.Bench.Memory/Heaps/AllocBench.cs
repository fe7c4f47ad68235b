using Cscm.Bench.Memory.Measuring;
using Cscm.Bench.Memory.Peers;
using Cscm.Memory;

namespace Cscm.Bench.Memory.Heaps;

/// <summary>
/// Allocation and free on one and two threads. Outside transactions: reserve and cancel, which are not durable and need no fence
/// (libpmemobj's atomic allocation, which is durable, stands beside it for orientation only). In transactions: one or 16
/// allocations or frees each, durable on both sides, batch by batch in turn; the blocks stay as they are (both sides give them out unzeroed), or are filled.
/// The figures are those of one thread and one allocation of 64 bytes, not filled.
/// </summary>
public static class AllocBench
{
    /// <summary>The figures are those of this size on one thread, and in transactions of one allocation each.</summary>
    private const int FigureBytes = 64;

    private static readonly int[] s_sizes = [64, 256, 1024, 4096];
    private static readonly int[] s_perTransaction = [1, 16];

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

        var figures = new Figures();
        var outside = new Table("outside transactions", "threads", "ours M pairs/s", "libpmemobj atomic M pairs/s");
        var inside = new Table(
            "in transactions", "threads", "per tx", "content", "ours M alloc/s", "M free/s", "fences per tx", "libpmemobj M alloc/s", "M free/s", "alloc ratio", "free ratio");
        foreach (int threads in (int[])[1, 2])
        {
            foreach (int size in s_sizes)
            {
                var reservations = new Reservations(file.Heap, size);
                Batch.WarmUp(count / 20, n => OnThreads(threads, n, reservations));
                PhaseTimes[][] pairs = Rounds.Run(
                    2,
                    rounds,
                    () => OnThreads(threads, count, reservations),
                    () => Ask(pmdk, $"atomic {size} {threads} {count}"));
                double ours = Rounds.Median(pairs[0].Select(t => t.Mops(t.Total)));
                outside.Add($"{size} B", threads.ToString(), ours.ToString("0.0"), Rounds.Median(pairs[1].Select(t => t.Mops(t.Total))).ToString("0.0"));
                if (threads == 1 && size == FigureBytes)
                    figures.Add("alloc_mops", ours, "0.0");
            }

            foreach ((int size, int perTransaction, bool isWritten) in
                from size in s_sizes from perTransaction in s_perTransaction from isWritten in (bool[])[false, true] select (size, perTransaction, isWritten))
            {
                var blocks = new TransactionalBlocks(file.Heap, size, perTransaction, isWritten);
                Batch.WarmUp(count / 20, n => OnThreads(threads, n, blocks));
                PhaseTimes[][] tx = Rounds.Run(
                    2,
                    rounds,
                    () => OnThreads(threads, count, blocks),
                    () => Ask(pmdk, $"{(isWritten ? "written" : "tx")} {size} {threads} {count} {perTransaction}"));
                Cost cost = Cost.Of(file.Heap, 2 * count / perTransaction, _ => OnThreads(1, count, blocks));
                double speedup = Rounds.Speedup(tx[0].Select(t => t.Allocate), tx[1].Select(t => t.Allocate));
                inside.Add(
                    $"{size} B",
                    threads.ToString(),
                    perTransaction.ToString(),
                    isWritten ? "written" : "none",
                    Median(tx[0], t => t.Allocate),
                    Median(tx[0], t => t.Free),
                    cost.Fences.ToString("0.00"),
                    Median(tx[1], t => t.Allocate),
                    Median(tx[1], t => t.Free),
                    speedup.ToString("0.00"),
                    Rounds.Speedup(tx[0].Select(t => t.Free), tx[1].Select(t => t.Free)).ToString("0.00"));
                if (threads == 1 && size == FigureBytes && perTransaction == 1 && !isWritten)
                    figures.Add("tx_alloc_vs_pmdk", speedup);
            }
        }

        outside.Print();
        Console.WriteLine();
        inside.Print();
        Console.WriteLine(file.DescribeCheckpoints());
        figures.Print();
    }

    private static string Median(PhaseTimes[] times, Func<PhaseTimes, double> phase) =>
        Rounds.Median(times.Select(t => t.Mops(phase(t)))).ToString("0.00");

    private static PhaseTimes Ask(Peer peer, string line)
    {
        PeerReply reply = peer.Ask(line);
        return new PhaseTimes(reply["alloc_ns"], reply["free_ns"], reply["ops"]);
    }

    /// <summary>All threads allocate, then all free; a phase lasts as long as its slowest thread takes.</summary>
    private static PhaseTimes OnThreads(int threads, int count, IBlocks blocks)
    {
        using var barrier = new Barrier(threads);
        var ns = new double[2, threads];
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
        return new PhaseTimes(Slowest(0), Slowest(1), (double)threads * count);

        void Phase(int phase, int worker, Action work)
        {
            barrier.SignalAndWait();
            double start = Clock.Nanoseconds();
            try
            {
                work();
            }
            catch (Exception exception)
            {
                // The barriers must still be passed, or the others wait for ever.
                failure = exception;
            }

            ns[phase, worker] = Clock.Nanoseconds() - start;
        }

        double Slowest(int phase) => Enumerable.Range(0, threads).Max(worker => ns[phase, worker]);
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

    private sealed class TransactionalBlocks(ScmHeap heap, int sizeBytes, int perTransaction, bool isWritten) : IBlocks
    {
        private readonly byte[] _content = new byte[sizeBytes];

        public void Allocate(Span<Ptr<byte>> blocks)
        {
            while (!blocks.IsEmpty)
            {
                Span<Ptr<byte>> together = blocks[..Math.Min(perTransaction, blocks.Length)];
                using Transaction tx = heap.Begin();
                // Not zeroed: pmemobj_tx_alloc does not zero either.
                foreach (ref Ptr<byte> block in together)
                    block = (isWritten ? tx.AllocSpan<byte>(_content) : tx.AllocSpan<byte>(sizeBytes, zeroed: false)).Start;
                tx.Commit();
                blocks = blocks[together.Length..];
            }
        }

        public void Free(ReadOnlySpan<Ptr<byte>> blocks)
        {
            while (!blocks.IsEmpty)
            {
                ReadOnlySpan<Ptr<byte>> together = blocks[..Math.Min(perTransaction, blocks.Length)];
                using Transaction tx = heap.Begin();
                foreach (Ptr<byte> block in together)
                    tx.Free(block);
                tx.Commit();
                blocks = blocks[together.Length..];
            }
        }
    }
}
