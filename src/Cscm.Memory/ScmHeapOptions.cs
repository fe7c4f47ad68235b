namespace Cscm.Memory;

/// <summary>How to create or open a heap. The defaults suit most.</summary>
public sealed record ScmHeapOptions
{
    /// <summary>
    /// Overrides detection. The environment variable CSCM_PERSISTENCE_DOMAIN (cpu_cache, memory_controller, page_cache, volatile)
    /// does the same for heaps that leave this at <see cref="PersistenceDomain.Detect"/>.
    /// </summary>
    public PersistenceDomain Domain { get; init; }

    /// <summary>On creation: lanes of the log, that is, commits that can be under way at once without waiting. 1 … 256.</summary>
    public int LaneCount { get; init; } = 16;

    /// <summary>On creation: bytes of the whole log, shared out over the lanes. 0: an eighth of the heap, at most 64 MiB.</summary>
    public long LogBytes { get; init; }

    /// <summary>On creation and growth: have the file system reserve all blocks, so that a full disk cannot hit a mapped store.</summary>
    public bool Preallocate { get; init; } = true;

    /// <summary>Address space to reserve for online growth. 0: 16 times the heap, at least 64 GiB.</summary>
    public long ReservedAddressBytes { get; init; }

    /// <summary>Run checkpoints on a background thread. Without it, writers run them when their lane is full.</summary>
    public bool BackgroundCheckpoints { get; init; } = true;

    /// <summary>Sees every event on the way to the medium: for crash tests.</summary>
    internal Medium.IMediumRecorder? Recorder { get; init; }
}
