using Cscm.Storage.Proof;

namespace Cscm.Storage;

public enum AccessType
{
    Mount,
    Block,
}

/// <summary>Whether a volume must map its medium directly.</summary>
public enum DaxPolicy
{
    Never,
    Preferred,
    Required,
}

public enum ErasePolicy
{
    /// <summary>Space is zeroed before anyone else can be given it.</summary>
    Zero,
    None,
}

public enum ContentSourceKind
{
    Snapshot,
    Volume,
}

/// <summary>What a new volume starts as a copy of.</summary>
public sealed record ContentSource(ContentSourceKind Kind, string Id);

/// <summary>A volume's settings; those that are null follow the pool's.</summary>
public sealed record VolumeSettings
{
    /// <summary>Null means the pool's default: required on real SCM, preferred elsewhere.</summary>
    public DaxPolicy? Dax { get; init; }
    public ErasePolicy Erase { get; init; } = ErasePolicy.Zero;
    public HugePages? HugePages { get; init; }
}

/// <summary>Changes that a volume's settings may take while it lives; null leaves a setting as it is.</summary>
public sealed record VolumeSettingsChange(ErasePolicy? Erase, HugePages? HugePages);

/// <summary>A request for a volume. Two requests of one name must be compatible (CSI: CreateVolume idempotency).</summary>
public sealed record VolumeSpec
{
    /// <summary>The caller's name for it, the idempotency key; never part of a path.</summary>
    public required string Name { get; init; }

    /// <summary>Null means: any pool that fits, the default pool first; with a source, the source's pool.</summary>
    public string? Pool { get; init; }
    public AccessType Access { get; init; }

    /// <summary>Null means the pool's default (or the source's). Ignored for block access.</summary>
    public string? FileSystem { get; init; }
    public SizeRange Size { get; init; }
    public ContentSource? Source { get; init; }
    public VolumeSettings Settings { get; init; } = new();
}

/// <summary>A volume as callers see it: an immutable view of one moment.</summary>
public sealed record VolumeInfo
{
    public required string Id { get; init; }
    public required string Name { get; init; }
    public required string Pool { get; init; }
    public required PoolKind PoolKind { get; init; }
    public required AccessType Access { get; init; }

    /// <summary>Empty for block access.</summary>
    public required string FileSystem { get; init; }

    /// <summary>At least this much is usable by the consumer.</summary>
    public required long CapacityBytes { get; init; }

    /// <summary>What the pool is charged: capacity plus the file system's own needs.</summary>
    public required long BackingBytes { get; init; }
    public ContentSource? Source { get; init; }
    public required VolumeSettings Settings { get; init; }
    public required DateTimeOffset CreatedAt { get; init; }
    public int? NumaNode { get; init; }

    /// <summary>Made by a publish (CSI inline ephemeral volume) and deleted by its unpublish.</summary>
    public bool IsEphemeral { get; init; }
    public string? StagingPath { get; init; }
    public IReadOnlyList<string> TargetPaths { get; init; } = [];

    /// <summary>What the last stage proved of DAX; null before the first, and in pools that promise nothing.</summary>
    public DaxProof? Proof { get; init; }

    /// <summary>Empty when the volume is well.</summary>
    public IReadOnlyList<HealthFinding> Health { get; init; } = [];
}

/// <param name="CapacityBytes">The capacity after the call.</param>
/// <param name="NodeExpansionRequired">True while the file system has still to be grown by a node expansion.</param>
public readonly record struct ExpandResult(long CapacityBytes, bool NodeExpansionRequired);
