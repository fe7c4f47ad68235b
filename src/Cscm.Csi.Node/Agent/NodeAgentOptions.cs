namespace Cscm.Csi.Node.Agent;

/// <summary>What to do about volumes and snapshots of this node that no object stands for.</summary>
public enum OrphanPolicy
{
    /// <summary>Nothing.</summary>
    Off,

    /// <summary>Say so in an Event.</summary>
    Report,

    /// <summary>Delete them, and say so.</summary>
    Delete,
}

/// <summary>How a node agent behaves; the defaults are for a real cluster.</summary>
public sealed record NodeAgentOptions
{
    /// <summary>Volumes and snapshots worked on at once; one of them is always worked on serially.</summary>
    public int Parallel { get; init; } = 8;

    /// <summary>How often this machine's pools and volumes are looked at for what changed by itself: health, erased space.</summary>
    public TimeSpan ScanEvery { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long changes of capacity are gathered before they are published together.</summary>
    public TimeSpan GatherFor { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>How long the deletion of a volume that is still mounted is tried before it counts as refused.</summary>
    public TimeSpan UnmountPatience { get; init; } = TimeSpan.FromSeconds(5);
    public TimeSpan FirstPause { get; init; } = TimeSpan.FromMilliseconds(200);
    public TimeSpan LongestPause { get; init; } = TimeSpan.FromSeconds(60);
    public OrphanPolicy Orphans { get; init; } = OrphanPolicy.Report;

    /// <summary>How long a volume must have been without an object before it counts as an orphan.</summary>
    public TimeSpan OrphanAge { get; init; } = TimeSpan.FromHours(1);
}
