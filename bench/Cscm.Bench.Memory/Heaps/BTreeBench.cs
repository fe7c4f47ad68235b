using Cscm.Bench.Memory.Measuring;
using Cscm.Bench.Memory.Peers;
using Cscm.Memory;
using Cscm.Memory.Collections;

namespace Cscm.Bench.Memory.Heaps;

/// <summary>
/// Insert, lookup and removal of random 8-byte keys with 8-byte values in a durable B+tree, one transaction each, one thread, against
/// a B-tree on libpmemobj and against the same tree of ours without persistence: the same keys in the same order, batch by batch in turn.
/// </summary>
public static class BTreeBench
{
    private const ulong Seed = 42;

    public static void Run(BenchOptions options)
    {
        string directory = options.Text("path", "/dev/shm");
        string peers = options.Text("peers", "artifacts/peers");
        int keys = options.Count("keys", 1_000_000);
        int batch = options.Count("batch", 100_000);
        int runs = options.Count("runs", 3);
        options.RefuseUnknown();
        if (keys % batch != 0)
            throw new BenchException($"--keys {keys} must be a multiple of --batch {batch}");

        long heapBytes = (512L << 20) + (128L * keys);
        string poolMib = ((256L << 20) + (256L * keys) >> 20).ToString();
        var times = new Dictionary<string, List<double>[]>();
        var costs = new Dictionary<string, List<Cost>>();
        string description = "";
        for (int run = 0; run < runs; run++)
        {
            using var durableFile = new BenchHeap(directory, "btree", heapBytes);
            using var volatileFile = new BenchHeap(directory, "btree-volatile", heapBytes, PersistenceDomain.Volatile);
            using Peer pmdk = PmdkPeer.Start(peers, "pmdk-btree", directory, "--keys", keys.ToString(), "--seed", Seed.ToString(), "--pool-mib", poolMib);
            CheckKey(pmdk, (ulong)keys - 1);
            WarmUp(durableFile.Heap);
            WarmUp(volatileFile.Heap);
            var durable = new KeyedTree(durableFile.Heap, "tree");
            var inMemory = new KeyedTree(volatileFile.Heap, "tree");
            foreach (string phase in KeyedTree.Phases)
            {
                List<Cost> counted = costs.TryGetValue(phase, out List<Cost>? before) ? before : costs[phase] = [];
                double[][] ns = Rounds.Run(
                    0,
                    keys / batch,
                    () => CountAndTime(durableFile.Heap, batch, counted, n => durable.Run(phase, n)),
                    () => Batch.Time(batch, n => inMemory.Run(phase, n)),
                    () => pmdk.Ask($"{phase} {batch}").NanosecondsPerOperation);
                List<double>[] all = times.TryGetValue(phase, out List<double>[]? known) ? known : times[phase] = [[], [], []];
                for (int i = 0; i < ns.Length; i++)
                    all[i].AddRange(ns[i]);
                durable.CheckCount(phase, keys);
                inMemory.CheckCount(phase, keys);
            }

            description = $"{durableFile.Describe()}\n{durableFile.DescribeCheckpoints()} (last run)";
        }

        Print(directory, peers, keys, runs, description, times, costs);
    }

    private static void Print(
        string directory,
        string peers,
        int keys,
        int runs,
        string description,
        Dictionary<string, List<double>[]> times,
        Dictionary<string, List<Cost>> costs)
    {
        Console.WriteLine($"B+tree of {keys} random keys in {directory}, one thread, {runs} runs; medians of the batches\n{description}");
        using Peer counted = PmdkPeer.Start(peers, "pmdk-btree-counted", directory, "--keys", keys.ToString(), "--seed", Seed.ToString());
        var table = new Table(
            "", "ours k/s", "fences", "log lines", "new lines", "managed B", "libpmemobj k/s", "fences", "lines", "no persistence k/s", "vs libpmemobj", "vs none");
        foreach (string phase in KeyedTree.Phases)
        {
            List<double>[] ns = times[phase];
            PeerReply reply = counted.Ask($"{phase} {keys}");
            table.Add(
                phase,
                (1e6 / Rounds.Median(ns[0])).ToString("0"),
                costs[phase].Average(c => c.Fences).ToString("0.00"),
                costs[phase].Average(c => c.LogLines).ToString("0.00"),
                costs[phase].Average(c => c.NewLines).ToString("0.00"),
                costs[phase].Average(c => c.ManagedBytes).ToString("0.00"),
                (1e6 / Rounds.Median(ns[2])).ToString("0"),
                (reply["fences"] / keys).ToString("0.00"),
                (reply["lines"] / keys).ToString("0.00"),
                (1e6 / Rounds.Median(ns[1])).ToString("0"),
                Rounds.Speedup(ns[0], ns[2]).ToString("0.00"),
                Rounds.Speedup(ns[0], ns[1]).ToString("0.00"));
        }

        table.Print();
        var figures = new Figures();
        foreach (string phase in (string[])["insert", "remove", "lookup"])
            figures.Add($"{phase}_vs_pmdk", Rounds.Speedup(times[phase][0], times[phase][2]));
        figures.Add("insert_vs_volatile", Rounds.Speedup(times["insert"][0], times["insert"][1]));
        figures.Add("fences_per_insert", costs["insert"].Average(c => c.Fences));
        figures.Add("lines_per_insert", costs["insert"].Average(c => c.LogLines));
        figures.Print();
    }

    private static double CountAndTime(ScmHeap heap, int operations, List<Cost> counted, Action<int> run)
    {
        double ns = 0;
        counted.Add(Cost.Of(heap, operations, n => ns = Batch.Time(n, run)));
        return ns;
    }

    private static void CheckKey(Peer pmdk, ulong index)
    {
        PeerReply theirs = pmdk.Ask($"key {index}");
        ulong ours = SplitMix64.At(Seed, index);
        if (((ulong)theirs["high"] << 32 | (ulong)theirs["low"]) != ours)
            throw new BenchException($"the peer's key {index} is not ours: the comparison would be of different trees");
    }

    /// <summary>For the JIT compiler: all phases, over and over, on a tree of their own.</summary>
    private static void WarmUp(ScmHeap heap)
    {
        var tree = new KeyedTree(heap, "warm-up");
        Batch.WarmUp(2_000, n =>
        {
            foreach (string phase in KeyedTree.Phases)
                tree.Run(phase, n);
        });
    }

    /// <summary>A tree and how far each phase has come in the sequence of keys.</summary>
    private sealed class KeyedTree(ScmHeap heap, string name)
    {
        public static readonly string[] Phases = ["insert", "lookup", "remove"];

        private readonly ScmBTree<ulong, ulong> _tree = new(heap, name);
        private ulong _inserted;
        private ulong _lookedUp;
        private ulong _removed;

        public void Run(string phase, int count)
        {
            switch (phase)
            {
                case "insert":
                    Insert(count);
                    break;
                case "lookup":
                    LookUp(count);
                    break;
                default:
                    Remove(count);
                    break;
            }
        }

        public void CheckCount(string phase, long keys)
        {
            long expected = string.Equals(phase, "remove", StringComparison.Ordinal) ? 0 : keys;
            if (_tree.Count != expected)
                throw new BenchException($"after {phase} the tree has {_tree.Count} entries instead of {expected}");
        }

        private void Insert(int count)
        {
            for (int i = 0; i < count; i++)
            {
                ulong key = SplitMix64.At(Seed, _inserted++);
                if (!_tree.TryAdd(key, ~key))
                    throw new BenchException($"key {_inserted - 1} was there already");
            }
        }

        private void LookUp(int count)
        {
            for (int i = 0; i < count; i++)
            {
                ulong key = SplitMix64.At(Seed, _lookedUp++);
                if (!_tree.TryGetValue(key, out ulong value) || value != ~key)
                    throw new BenchException($"key {_lookedUp - 1} is missing or has a wrong value");
            }
        }

        private void Remove(int count)
        {
            for (int i = 0; i < count; i++)
            {
                if (!_tree.Remove(SplitMix64.At(Seed, _removed++)))
                    throw new BenchException($"key {_removed - 1} is missing on removal");
            }
        }
    }
}
