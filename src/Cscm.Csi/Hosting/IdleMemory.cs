namespace Cscm.Csi.Hosting;

/// <summary>
/// Gives memory back to the machine when no call has come for a while. The collector sizes its budget by the processor's cache, tens of
/// megabytes on a server, and a driver rests most of its life beside pods that could use them. Thread-safe.
/// </summary>
public sealed class IdleMemory : IDisposable
{
    private static readonly TimeSpan s_restBeforeRelease = TimeSpan.FromSeconds(1);

    private readonly Timer _timer = new(static _ => Release());

    /// <summary>Says that a call came or went.</summary>
    public void Touch() => _timer.Change(s_restBeforeRelease, Timeout.InfiniteTimeSpan);

    public void Dispose() => _timer.Dispose();

    private static void Release() => GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
}
