using Cscm.Bench.Memory.Measuring;
using Cscm.Bench.Memory.Peers;
using Cscm.Memory;

namespace Cscm.Bench.Memory.Heaps;

/// <summary>
/// Transactions that overwrite 8 B … 4 KB at one random place of an area, or 16 scattered 8-byte fields of it, against libpmemobj's:
/// one thread, the same places in the same order, batch by batch in turn.
/// </summary>
public static class TxBench
{
    private const ulong Seed = 42;
    private const int LineBytes = 64;

    private sealed record Workload(string Name, string Command, int Transactions, Action<int> Ours);

    public static void Run(BenchOptions options)
    {
        string directory = options.Text("path", "/dev/shm");
        string peers = options.Text("peers", "artifacts/peers");
        int areaMib = options.Count("area-mib", 64);
        int rounds = options.Count("rounds", 30);
        options.RefuseUnknown();

        using var file = new BenchHeap(directory, "tx", (512L + areaMib) << 20);
        using Peer pmdk = PmdkPeer.Start(
            peers,
            "pmdk-tx",
            directory,
            "--area-mib",
            areaMib.ToString(),
            "--pool-mib",
            (256 + areaMib).ToString(),
            "--seed",
            Seed.ToString());
        var writer = new Writer(file.Heap, (long)areaMib << 20);
        Workload[] workloads =
        [
            new("8 B", "range 8", 20_000, writer.Word),
            .. new[] { 64, 256, 1024, 4096 }.Select(
                size => new Workload($"{size} B", $"range {size}", 2_560_000 / (size + 128), count => writer.Range(size, count))),
            new("16 x 8 B", "scattered 16", 4_000, count => writer.Scattered(16, count)),
        ];

        Console.WriteLine(
            $"Transactions at random places of {areaMib} MiB in {directory}, one thread, {rounds} rounds; median ns per transaction\n{file.Describe()}");
        var table = new Table("write", "ours ns", "fences", "log lines", "managed B", "libpmemobj ns", "times faster");
        var ours = new Dictionary<string, double>();
        var speedup = new Dictionary<string, double>();
        foreach (Workload workload in workloads)
        {
            Batch.WarmUp(workload.Transactions / 20, workload.Ours);
            double[][] ns = Rounds.Run(
                2,
                rounds,
                () => Batch.Time(workload.Transactions, workload.Ours),
                () => pmdk.Ask($"{workload.Command} {workload.Transactions}").NanosecondsPerOperation);
            Cost cost = Cost.Of(file.Heap, workload.Transactions, workload.Ours);
            ours[workload.Command] = Rounds.Median(ns[0]);
            speedup[workload.Command] = Rounds.Speedup(ns[0], ns[1]);
            table.Add(
                workload.Name,
                ours[workload.Command].ToString("0"),
                cost.Fences.ToString("0.00"),
                cost.LogLines.ToString("0.00"),
                cost.ManagedBytes.ToString("0.00"),
                Rounds.Median(ns[1]).ToString("0"),
                speedup[workload.Command].ToString("0.00"));
        }

        table.Print();
        Console.WriteLine(file.DescribeCheckpoints());
        var figures = new Figures();
        (string Name, string Command)[] named = [("tx8", "range 8"), ("tx16x8", "scattered 16"), ("tx4k", "range 4096")];
        foreach ((string name, string command) in named)
            figures.Add($"{name}_ns", ours[command], "0");
        foreach ((string name, string command) in named)
            figures.Add($"{name}_vs_pmdk", speedup[command]);
        figures.Print();
    }

    /// <summary>The same transactions as bench/peers/pmdk-tx.c.</summary>
    private sealed class Writer
    {
        private readonly ScmHeap _heap;
        private readonly PtrSpan<byte> _area;
        private readonly ulong[] _content = new ulong[4096 / sizeof(ulong)];
        private ulong _places;
        private ulong _transactions;

        public Writer(ScmHeap heap, long areaBytes)
        {
            _heap = heap;
            using Transaction tx = heap.Begin();
            _area = tx.AllocSpan<byte>(areaBytes, alignment: LineBytes);
            tx.Commit();
        }

        public void Word(int count)
        {
            for (int i = 0; i < count; i++)
            {
                ulong number = ++_transactions;
                using Transaction tx = _heap.Begin();
                tx.Write(NextPlace(sizeof(ulong)), number);
                tx.Commit();
            }
        }

        public void Range(int sizeBytes, int count)
        {
            Span<ulong> content = _content.AsSpan(0, sizeBytes / sizeof(ulong));
            for (int i = 0; i < count; i++)
            {
                content.Fill(++_transactions);
                using Transaction tx = _heap.Begin();
                tx.Write<ulong>(NextPlace(sizeBytes), content);
                tx.Commit();
            }
        }

        public void Scattered(int fields, int count)
        {
            for (int i = 0; i < count; i++)
            {
                ulong number = ++_transactions;
                using Transaction tx = _heap.Begin();
                for (int field = 0; field < fields; field++)
                    tx.Write(NextPlace(sizeof(ulong)), number);
                tx.Commit();
            }
        }

        private Ptr<ulong> NextPlace(int sizeBytes)
        {
            ulong lines = (ulong)((_area.Length - sizeBytes) / LineBytes) + 1;
            return new Ptr<ulong>(_area.Start.Offset + ((long)SplitMix64.Below(lines, Seed, _places++) * LineBytes));
        }
    }
}
