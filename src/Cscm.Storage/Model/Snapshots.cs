namespace Cscm.Storage;

/// <summary>A point-in-time copy of one volume, ready to use as soon as it exists.</summary>
public sealed record SnapshotInfo
{
    public required string Id { get; init; }
    public required string Name { get; init; }
    public required string SourceVolumeId { get; init; }
    public required string Pool { get; init; }

    /// <summary>The smallest capacity of a volume restored from it, in bytes.</summary>
    public required long CapacityBytes { get; init; }
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>Empty, or the group it was taken in.</summary>
    public string GroupId { get; init; } = "";
}

/// <summary>Snapshots of several volumes at one moment.</summary>
public sealed record GroupSnapshotInfo
{
    public required string Id { get; init; }
    public required string Name { get; init; }
    public required DateTimeOffset CreatedAt { get; init; }
    public required IReadOnlyList<SnapshotInfo> Snapshots { get; init; }
}

/// <summary>A run of bytes in a volume or snapshot.</summary>
public readonly record struct BlockExtent(long OffsetBytes, long SizeBytes);
