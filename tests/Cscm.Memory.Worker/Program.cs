using System.Globalization;
using Cscm.Memory;
using Cscm.Memory.Worker;

// Usage: Cscm.Memory.Worker HEAP THREADS
// Writes to the heap from several threads until it is killed, and prints "thread number" after each commit that has returned.
string path = args[0];
int threads = int.Parse(args[1], CultureInfo.InvariantCulture);
using ScmHeap heap = ScmHeap.Open(path, new ScmHeapOptions { Domain = PersistenceDomain.MemoryController });
if (!heap.TryGetRoot("counters", out Ptr<Counter> counters))
{
    throw new InvalidOperationException("The heap has no counters.");
}

using Stream output = Console.OpenStandardOutput();
var gate = new Lock();
Thread[] workers = [.. Enumerable.Range(0, threads).Select(i => new Thread(() => Work(i)))];
foreach (Thread worker in workers)
{
    worker.Start();
}

foreach (Thread worker in workers)
{
    worker.Join();
}

void Work(int number)
{
    Ptr<Counter> mine = counters.Element(number);
    var acknowledged = new byte[16];
    while (true)
    {
        long next = heap.Get(mine).Number + 1;
        using (Transaction tx = heap.Begin())
        {
            // The number twice, and in a block of its own whose length varies: all or nothing of it may survive.
            PtrSpan<long> old = heap.Get(mine).Block;
            PtrSpan<long> block = tx.AllocSpan<long>(1 + (next % 40), zeroed: false);
            for (long i = 0; i < block.Length; i++)
            {
                tx.Write(block.Start.Element(i), next);
            }

            tx.Free(old);
            tx.Write(mine, new Counter { Number = next, Again = next, Block = block });
            tx.Commit();
        }

        BitConverter.TryWriteBytes(acknowledged, (long)number);
        BitConverter.TryWriteBytes(acknowledged.AsSpan(8), next);
        lock (gate)
        {
            output.Write(acknowledged);
        }
    }
}
