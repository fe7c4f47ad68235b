using Cscm.Memory;

namespace Cscm.Bench.Memory.Heaps;

/// <summary>What operations cost each besides time, counted by the heap's own metrics.</summary>
public readonly record struct Cost(double Fences, double LogLines, double NewLines, double ManagedBytes)
{
    /// <summary>Runs a batch on this thread and counts.</summary>
    public static Cost Of(ScmHeap heap, int operations, Action<int> run)
    {
        ScmHeapMetrics before = heap.Metrics;
        long managedBefore = GC.GetAllocatedBytesForCurrentThread();
        run(operations);
        long managed = GC.GetAllocatedBytesForCurrentThread() - managedBefore;
        ScmHeapMetrics after = heap.Metrics;
        return new Cost(
            (double)(after.CommitFences - before.CommitFences) / operations,
            (double)(after.LogLines - before.LogLines) / operations,
            (double)(after.NewBlockLines - before.NewBlockLines) / operations,
            (double)managed / operations);
    }
}
