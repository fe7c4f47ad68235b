using Cscm.Memory.Medium;

namespace Cscm.Memory.CrashTests.Model;

/// <summary>
/// Records what a heap does to its medium. <paramref name="dropped"/> is left out of the library for the run: a mutation.
/// Events of several threads are recorded one at a time, in the order in which they arrive.
/// </summary>
internal sealed class TraceRecorder(PersistSite? dropped = null, bool mayThrow = false) : IMediumRecorder
{
    private readonly Lock _gate = new();
    private readonly List<TraceEvent> _events = [];

    public IReadOnlyList<TraceEvent> Events => _events;

    /// <summary>Called after each event, on the thread that acts: a scenario interleaves other threads' work here.</summary>
    public Action<TraceEvent>? AfterEvent { get; set; }

    public void Acknowledge(int track) => Add(TraceKind.Acknowledged, default, track, 0);

    public void Stored(PersistSite site, long offsetBytes, ReadOnlySpan<byte> content)
        => Add(TraceKind.Stored, site, offsetBytes, content.Length, content.ToArray());

    // The model compares with what it last saw and keeps the words that differ, so both kinds of report look alike to it.
    public void StoredUnseen(PersistSite site, long offsetBytes, ReadOnlySpan<byte> content) => Stored(site, offsetBytes, content);

    public void Streamed(PersistSite site, long offsetBytes, ReadOnlySpan<byte> content)
        => Add(TraceKind.Streamed, site, offsetBytes, content.Length, content.ToArray());

    public void WroteBack(PersistSite site, long offsetBytes, long lengthBytes)
        => Add(TraceKind.WroteBack, site, offsetBytes, lengthBytes);

    public void Fenced(PersistSite site, long offsetBytes, long lengthBytes)
        => Add(TraceKind.Fenced, site, offsetBytes, lengthBytes);

    public void Resized(long sizeBytes) => Add(TraceKind.Resized, default, 0, sizeBytes);

    public bool MayThrow => mayThrow;

    public bool Keeps(PersistSite site) => site != dropped;

    private void Add(TraceKind kind, PersistSite site, long offsetBytes, long lengthBytes, byte[]? content = null)
    {
        var item = new TraceEvent(kind, site, Environment.CurrentManagedThreadId, offsetBytes, lengthBytes, content ?? []);
        lock (_gate)
        {
            _events.Add(item);
        }
        AfterEvent?.Invoke(item);
    }
}
