using Cscm.Memory.Medium;

namespace Cscm.Memory.CrashTests.Model;

internal enum TraceKind
{
    /// <summary>Ordinary stores: sit in the cache, reach the medium whenever a line is evicted.</summary>
    Stored,

    /// <summary>Non-temporal stores: on their way, word by word in any order, until the next fence.</summary>
    Streamed,

    /// <summary>The lines' present content is on its way until the next fence.</summary>
    WroteBack,

    /// <summary>What was on its way has arrived.</summary>
    Fenced,

    /// <summary>The medium has this size now, new space reading as zeros.</summary>
    Resized,

    /// <summary>The next step of this track (see CrashScenario) has been acknowledged to the application.</summary>
    Acknowledged,
}

/// <param name="Kind">What happened.</param>
/// <param name="Site">Where in the library.</param>
/// <param name="Thread">Who did it: a fence waits for its own thread's stores only.</param>
/// <param name="OffsetBytes">Where on the medium; of an acknowledgement, the track.</param>
/// <param name="LengthBytes">How much.</param>
/// <param name="Content">What was stored; empty for the other kinds.</param>
internal sealed record TraceEvent(TraceKind Kind, PersistSite Site, int Thread, long OffsetBytes, long LengthBytes, byte[] Content);
