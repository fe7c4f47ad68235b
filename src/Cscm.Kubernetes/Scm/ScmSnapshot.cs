namespace Cscm.Kubernetes;

/// <summary>
/// A snapshot of one volume, on the node that holds it, or a group: snapshots of several of that node's volumes at one moment. Its name
/// is the CSI snapshot id, or the CSI group snapshot id.
/// </summary>
public sealed record ScmSnapshot : KubernetesObject
{
    public ScmSnapshotSpec Spec { get; init => field = value ?? new(); } = new();
    public ScmSnapshotStatus? Status { get; init; }
}

/// <param name="SnapshotName">The name that CreateSnapshot or CreateVolumeGroupSnapshot was called with.</param>
/// <param name="Volume">The ScmVolume that it is a copy of; absent for a group.</param>
/// <param name="Node">The node that holds both.</param>
/// <param name="Volumes">The ScmVolumes of a group, in ordinal order; absent for a snapshot of one.</param>
public sealed record ScmSnapshotSpec(string SnapshotName = "", string? Volume = null, string Node = "", IReadOnlyList<string>? Volumes = null);

/// <param name="Name">The CSI snapshot id: what a volume is restored from.</param>
/// <param name="Volume">The ScmVolume that it is a copy of.</param>
/// <param name="Pool">Where it lies.</param>
/// <param name="CapacityBytes">The smallest capacity of a volume restored from it.</param>
public sealed record ScmGroupMember(string Name, string Volume, string Pool, long CapacityBytes);

public sealed record ScmSnapshotStatus
{
    /// <summary>One of <see cref="ScmPhase"/>.</summary>
    public string Phase { get; init => field = value ?? ScmPhase.Pending; } = ScmPhase.Pending;
    public long ObservedGeneration { get; init; }

    /// <summary>A gRPC code by name, OK if well.</summary>
    public string Code { get; init => field = value ?? ScmCode.Ok; } = ScmCode.Ok;
    public string? Message { get; init; }
    public string? Pool { get; init; }

    /// <summary>The smallest capacity of a volume restored from it.</summary>
    public long CapacityBytes { get; init; }
    public DateTimeOffset? CreatedAt { get; init; }

    /// <summary>What a group holds once it is ready; absent for a snapshot of one volume.</summary>
    public IReadOnlyList<ScmGroupMember>? Snapshots { get; init; }

    /// <summary>Ready.</summary>
    public IReadOnlyList<Condition> Conditions { get; init => field = value ?? []; } = [];
}
