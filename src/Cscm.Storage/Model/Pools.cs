namespace Cscm.Storage;

public enum PoolKind
{
    /// <summary>Image files on any file system, attached by loop devices.</summary>
    File,

    /// <summary>A tmpfs per volume: outlives pods, not the machine.</summary>
    Dram,

    /// <summary>Logical volumes on SCM regions.</summary>
    Lvm,

    /// <summary>Directories of one shared DAX XFS under project quota.</summary>
    Xfs,

    /// <summary>A namespace per volume.</summary>
    Namespace,
}

public enum HugePages
{
    Never,
    Advise,
    WithinSize,
    Always,
}

/// <summary>How an operator configures one pool.</summary>
public sealed record PoolOptions
{
    /// <summary>1–63 characters of <c>a-z 0-9 -</c>, unique on the node.</summary>
    public required string Name { get; init; }
    public required PoolKind Kind { get; init; }

    /// <summary>Upper bound on the sum of the volumes' backing space, in bytes.</summary>
    public required long SizeBytes { get; init; }

    /// <summary>Where image files live (<see cref="PoolKind.File"/>); null puts them below the state directory.</summary>
    public string? Path { get; init; }

    /// <summary>What a pool on storage class memory takes its space from (<see cref="PoolKind.Lvm"/>, <see cref="PoolKind.Xfs"/>, <see cref="PoolKind.Namespace"/>).</summary>
    public IReadOnlyList<PoolSource> Sources { get; init; } = [];

    /// <summary>For <see cref="PoolKind.Lvm"/>: over how many of its devices each new volume is spread, in steps of 2 MiB.</summary>
    public int Stripes { get; init; } = 1;

    /// <summary>
    /// How fast the space of deleted volumes is zeroed, per region, in bytes per second; null for as fast as the medium takes it. Only for pools
    /// that zero (<see cref="PoolKind.Lvm"/>, <see cref="PoolKind.Xfs"/>, <see cref="PoolKind.Namespace"/>).
    /// </summary>
    public long? EraseBytesPerSecond { get; init; }
    public int? NumaNode { get; init; }

    /// <summary>For <see cref="PoolKind.Dram"/>: the tmpfs <c>huge=</c> policy of new volumes.</summary>
    public HugePages HugePages { get; init; } = HugePages.Advise;

    /// <summary>For <see cref="PoolKind.File"/>: the file system of new volumes when the caller names none: ext4 or xfs.</summary>
    public string DefaultFileSystem { get; init; } = "ext4";

    /// <summary>The pool that serves requests naming none. Exactly one pool is the default; the first if no one says so.</summary>
    public bool IsDefault { get; init; }
}

/// <summary>A pool as it is, for listings and placement.</summary>
public sealed record PoolInfo(
    string Name,
    PoolKind Kind,
    bool IsDefault,
    int? NumaNode,
    bool SupportsBlock,
    bool SupportsSnapshots,
    IReadOnlyList<string> FileSystems,
    PoolCapacity Capacity)
{
    /// <summary>Space of deleted volumes that is being zeroed; part of the capacity again when it is.</summary>
    public long ErasingBytes { get; init; }
}
