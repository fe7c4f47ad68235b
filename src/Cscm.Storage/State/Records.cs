using Cscm.Storage.Proof;

namespace Cscm.Storage.State;

/// <summary>How far an object is. Anything but <see cref="Ready"/> is an intent that a start undoes or finishes.</summary>
internal enum RecordPhase
{
    Creating,
    Ready,
    Deleting,
}

/// <summary>What a driver made at a path, and so may remove again.</summary>
internal enum MadeAtPath
{
    Nothing,
    Directory,
    File,
}

/// <summary>A growth that was begun: the sizes to reach.</summary>
internal sealed record ResizeIntent(long CapacityBytes, long BackingBytes);

/// <summary>Written before the volume is mounted (attached) there and removed after it no longer is; what is in between, the mount itself tells.</summary>
internal sealed record StageRecord
{
    public required string Path { get; init; }
    public required bool MadeDirectory { get; init; }
    public required IReadOnlyList<string> Flags { get; init; }
    public string MountGroup { get; init; } = "";
    public bool IsReadOnly { get; init; }
}

/// <summary>As <see cref="StageRecord"/>, for one target path.</summary>
internal sealed record TargetRecord
{
    public required string Path { get; init; }
    public required MadeAtPath Made { get; init; }
    public required bool IsReadOnly { get; init; }
    public required bool IsExclusive { get; init; }
    public required IReadOnlyList<string> Flags { get; init; }
    public string MountGroup { get; init; } = "";
}

internal sealed record VolumeRecord
{
    public required string Id { get; init; }
    public required string Name { get; init; }
    public required string Pool { get; init; }
    public required PoolKind PoolKind { get; init; }
    public required RecordPhase Phase { get; init; }
    public required AccessType Access { get; init; }
    public required string FileSystem { get; init; }
    public required long CapacityBytes { get; init; }
    public required long BackingBytes { get; init; }

    /// <summary>How much of the backing the file system spans; less than all of it until it is grown.</summary>
    public required long FileSystemBytes { get; init; }
    public ResizeIntent? Resize { get; init; }
    public ContentSource? Source { get; init; }

    /// <summary>The source is being copied: while this stands, its file system may be frozen.</summary>
    public string? FrozenKey { get; init; }

    /// <summary>As asked for at creation: a repeated request is compared with it.</summary>
    public required VolumeSettings RequestedSettings { get; init; }
    public required VolumeSettings Settings { get; init; }
    public required DateTimeOffset CreatedAt { get; init; }
    public bool IsEphemeral { get; init; }

    /// <summary>Its number among the makings of its pool, of which the pool knows up to which the medium holds them durably.</summary>
    public long Making { get; init; }

    /// <summary>The medium forgot the content (a dram volume whose tmpfs is gone).</summary>
    public bool IsContentLost { get; init; }

    /// <summary>What the last stage proved; null before the first, and in pools that promise nothing.</summary>
    public DaxProof? Proof { get; init; }
    public StageRecord? Stage { get; init; }
    public IReadOnlyList<TargetRecord> Targets { get; init; } = [];

    public bool IsInUse => Stage is not null || Targets.Count > 0;
}

internal sealed record SnapshotRecord
{
    public required string Id { get; init; }
    public required string Name { get; init; }
    public required string SourceVolumeId { get; init; }
    public required string Pool { get; init; }
    public required RecordPhase Phase { get; init; }
    public required AccessType Access { get; init; }
    public required string FileSystem { get; init; }
    public required long CapacityBytes { get; init; }
    public required long BackingBytes { get; init; }
    public required long FileSystemBytes { get; init; }

    /// <summary>The source's at the time: it holds the same bytes.</summary>
    public ErasePolicy Erase { get; init; }
    public required DateTimeOffset CreatedAt { get; init; }
}

/// <summary>A group and its snapshots in one record, so that they appear and vanish together.</summary>
internal sealed record GroupRecord
{
    public required string Id { get; init; }
    public required string Name { get; init; }
    public required RecordPhase Phase { get; init; }
    public required DateTimeOffset CreatedAt { get; init; }
    public required IReadOnlyList<SnapshotRecord> Snapshots { get; init; }
}
