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

    /// <summary>The scenario's step of this number has been acknowledged to the application.</summary>
    Acknowledged,
}

/// <summary>One event of a recorded run. <paramref name="Content"/> belongs to stores only.</summary>
internal sealed record TraceEvent(TraceKind Kind, PersistSite Site, long OffsetBytes, long LengthBytes, byte[] Content);
