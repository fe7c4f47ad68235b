namespace Cscm.Storage;

/// <summary>How the consumer wants the volume mounted.</summary>
public sealed record MountOptions
{
    public AccessType Access { get; init; }

    /// <summary>Empty or null accepts the volume's own.</summary>
    public string? FileSystem { get; init; }

    /// <summary>Mount flags as in mount(8): noatime, nodev, context="…", …</summary>
    public IReadOnlyList<string> Flags { get; init; } = [];

    /// <summary>Numeric group that owns the volume's root, group-writable and setgid; empty or null for none (CSI VOLUME_MOUNT_GROUP).</summary>
    public string? MountGroup { get; init; }

    /// <summary>The access mode permits reading only.</summary>
    public bool IsReadOnly { get; init; }

    /// <summary>The access mode permits one target path only (CSI SINGLE_NODE_SINGLE_WRITER).</summary>
    public bool IsExclusive { get; init; }
}

public sealed record StageRequest(string VolumeId, string StagingPath, MountOptions Options);

public sealed record PublishRequest(string VolumeId, string StagingPath, string TargetPath, bool IsReadOnly, MountOptions Options)
{
    /// <summary>Set for a CSI inline ephemeral volume, which the publish itself creates.</summary>
    public VolumeSpec? Ephemeral { get; init; }
}
