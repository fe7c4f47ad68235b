using Cscm.Memory;

namespace Cscm.Bench.Memory.Heaps;

/// <summary>What operations cost each besides time, counted by the heap's own metrics.</summary>
public readonly record struct Cost(double Fences, double LogLines, double NewLines, double ManagedBytes)
{
    /// <summary>Runs a batch on this thread and counts.</summary>
    public static Cost Of(ScmHeap heap, int operations, Action<int> run)
    {
        CostMeter meter = CostMeter.Start(heap);
        run(operations);
        return meter.Stop(operations);
    }
}

/// <summary>Counts from start to stop. Managed bytes are those of the calling thread.</summary>
public sealed class CostMeter
{
    private readonly ScmHeap _heap;
    private readonly ScmHeapMetrics _before;
    private readonly long _managedBefore;

    private CostMeter(ScmHeap heap)
    {
        _heap = heap;
        _before = heap.Metrics;
        _managedBefore = GC.GetAllocatedBytesForCurrentThread();
    }

    public static CostMeter Start(ScmHeap heap) => new(heap);

    public Cost Stop(double operations)
    {
        long managed = GC.GetAllocatedBytesForCurrentThread() - _managedBefore;
        ScmHeapMetrics now = _heap.Metrics;
        return new Cost(
            (now.CommitFences - _before.CommitFences) / operations,
            (now.LogLines - _before.LogLines) / operations,
            (now.NewBlockLines - _before.NewBlockLines) / operations,
            managed / operations);
    }
}
