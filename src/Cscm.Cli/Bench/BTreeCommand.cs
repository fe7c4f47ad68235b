using System.CommandLine;
using System.Diagnostics;
using Cscm.Memory;

namespace Cscm.Cli.Bench;

/// <summary><c>cscm bench btree</c>: transactions on a heap in a volume, to be measured, or to be killed in the middle and examined.</summary>
internal static class BTreeCommand
{
    private const long DefaultHeapBytes = 64L << 20;

    public static Command Create()
    {
        var path = new Option<string>("--path") { Description = "The heap's file", Required = true };
        var size = new Option<long>("--size") { Description = "Bytes of a heap that is made", DefaultValueFactory = _ => DefaultHeapBytes };
        var count = new Option<long>("--count") { Description = "Orders that shall be there in the end", DefaultValueFactory = _ => 100_000 };
        var acknowledge = new Option<bool>("--acknowledge") { Description = "After each commit, print the number of orders" };
        var insert = new Command("insert", "Insert orders, each in one transaction over two B+trees, going on where an earlier run ended")
        {
            path, size, count, acknowledge,
        };
        insert.SetAction(parsed => BenchCommand.Run("btree insert", () => Insert(
            parsed.GetRequiredValue(path), parsed.GetValue(size), parsed.GetValue(count), parsed.GetValue(acknowledge))));

        var verify = new Command("verify", "Recover the heap, and check that its orders are those of whole transactions") { path };
        verify.SetAction(parsed => BenchCommand.Run("btree verify", () => Verify(parsed.GetRequiredValue(path))));
        return new Command("btree", "Run transactions on B+trees in a persistent heap") { insert, verify };
    }

    private static void Insert(string path, long heapBytes, long count, bool isAcknowledged)
    {
        using ScmHeap heap = ScmHeap.OpenOrCreate(path, heapBytes);
        var workload = new BTreeWorkload(heap);
        long first = workload.Count;
        // What was printed has left the process: a reader of the pipe has it even if we are killed at once.
        using var acknowledgements = new StreamWriter(Console.OpenStandardOutput()) { AutoFlush = true };
        var clock = Stopwatch.StartNew();
        for (long number = first + 1; number <= count; number++)
        {
            workload.Insert(number);
            if (isAcknowledged)
                acknowledgements.WriteLine(number);
        }
        if (!isAcknowledged)
            acknowledgements.WriteLine($"inserted={count - first} inserts_per_s={(count - first) / clock.Elapsed.TotalSeconds:0} domain={heap.Domain}");
    }

    private static void Verify(string path)
    {
        var clock = Stopwatch.StartNew();
        using ScmHeap heap = ScmHeap.Open(path);
        TimeSpan opened = clock.Elapsed;
        HeapCheckResult check = heap.Check();
        if (!check.IsSound)
            throw new WorkloadException($"the heap is damaged: {string.Join("; ", check.Problems)}");
        long count = new BTreeWorkload(heap).Verify();
        Console.WriteLine($"count={count} replayed={heap.ReplayedCount} open_ms={opened.TotalMilliseconds:0.0} domain={heap.Domain}");
    }
}
