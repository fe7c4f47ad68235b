namespace Cscm.Kubernetes;

/// <summary>A snapshot on the node that holds its volume. Its name is the CSI snapshot id.</summary>
public sealed record ScmSnapshot : KubernetesObject
{
    public ScmSnapshotSpec Spec { get; init => field = value ?? new(); } = new();
    public ScmSnapshotStatus? Status { get; init; }
}

/// <param name="SnapshotName">The name that CreateSnapshot was called with.</param>
/// <param name="Volume">The ScmVolume that it is a copy of.</param>
/// <param name="Node">The node that holds both.</param>
public sealed record ScmSnapshotSpec(string SnapshotName = "", string Volume = "", string Node = "");

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

    /// <summary>Ready.</summary>
    public IReadOnlyList<Condition> Conditions { get; init => field = value ?? []; } = [];
}
