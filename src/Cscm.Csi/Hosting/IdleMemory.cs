namespace Cscm.Csi.Hosting;

/// <summary>
/// Gives memory back to the machine when no call has come for a while. The collector sizes its budget by the processor's cache, tens of
/// megabytes on a server, and a driver rests most of its life beside pods that could use them. Thread-safe.
/// </summary>
public sealed class IdleMemory : IDisposable
{
    private static readonly TimeSpan s_restBeforeCollection = TimeSpan.FromSeconds(1);

    /// <summary>Longer: the next call after it waits for some hundred page faults.</summary>
    private static readonly TimeSpan s_restBeforeUnmapping = TimeSpan.FromSeconds(5);

    /// <summary>Once, rest or not: most pages of the program are those that only its start needed.</summary>
    private static readonly TimeSpan s_startPagesLast = TimeSpan.FromSeconds(3);

    private readonly Timer _collection = new(static _ => GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true));
    private readonly Timer _unmapping = new(static _ => MappedFiles.Release());
    private readonly Timer _unmappingAfterStart = new(static _ => MappedFiles.Release(), null, s_startPagesLast, Timeout.InfiniteTimeSpan);

    /// <summary>Says that a call came or went.</summary>
    public void Touch()
    {
        _collection.Change(s_restBeforeCollection, Timeout.InfiniteTimeSpan);
        _unmapping.Change(s_restBeforeUnmapping, Timeout.InfiniteTimeSpan);
    }

    public void Dispose()
    {
        _collection.Dispose();
        _unmapping.Dispose();
        _unmappingAfterStart.Dispose();
    }
}
