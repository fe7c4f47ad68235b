namespace Cscm.Kubernetes;

/// <summary>
/// One volume: the controller writes the spec, the node named in it the status. Its name is the CSI volume id, a hash of the name that
/// CreateVolume was called with, so that a repeated call finds it.
/// </summary>
public sealed record ScmVolume : KubernetesObject
{
    public ScmVolumeSpec Spec { get; init => field = value ?? new(); } = new();
    public ScmVolumeStatus? Status { get; init; }
}

public sealed record ScmVolumeSpec
{
    /// <summary>The name that CreateVolume was called with. Immutable.</summary>
    public string VolumeName { get; init => field = value ?? ""; } = "";

    /// <summary>The Kubernetes node that holds the volume. Immutable.</summary>
    public string Node { get; init => field = value ?? ""; } = "";

    /// <summary>Immutable.</summary>
    public string? Pool { get; init; }

    /// <summary>Mount or Block. Immutable.</summary>
    public string Access { get; init => field = value ?? "Mount"; } = "Mount";

    /// <summary>Absent: the pool's own. Immutable.</summary>
    public string? FileSystem { get; init; }

    /// <summary>At least so much must be usable; grows by expansion. Zero: the pool's smallest.</summary>
    public long RequiredBytes { get; init; }

    /// <summary>Zero: no limit.</summary>
    public long LimitBytes { get; init; }

    /// <summary>Immutable.</summary>
    public ScmSource? Source { get; init; }

    /// <summary>Required, Preferred or Never; absent: the pool's own. Immutable.</summary>
    public string? Dax { get; init; }

    /// <summary>Zero or None.</summary>
    public string Erase { get; init => field = value ?? "Zero"; } = "Zero";

    /// <summary>Never, Advise, WithinSize or Always; absent: the pool's own.</summary>
    public string? HugePages { get; init; }

    /// <summary>Counts what was asked of the node, so that asking for the same again is a change too.</summary>
    public long Request { get; init; }
}

/// <param name="Kind">Snapshot or Volume.</param>
/// <param name="Name">The ScmSnapshot or ScmVolume.</param>
public sealed record ScmSource(string Kind, string Name);

public sealed record ScmVolumeStatus
{
    /// <summary>One of <see cref="ScmPhase"/>.</summary>
    public string Phase { get; init => field = value ?? ScmPhase.Pending; } = ScmPhase.Pending;

    /// <summary>The generation of the spec that <see cref="Code"/> answers.</summary>
    public long ObservedGeneration { get; init; }

    /// <summary>How the node's last act ended: a gRPC code by name, OK if well.</summary>
    public string Code { get; init => field = value ?? ScmCode.Ok; } = ScmCode.Ok;
    public string? Message { get; init; }
    public string? Pool { get; init; }
    public string? PoolKind { get; init; }
    public string? FileSystem { get; init; }
    public long CapacityBytes { get; init; }
    public long BackingBytes { get; init; }
    public int? NumaNode { get; init; }
    public DateTimeOffset? CreatedAt { get; init; }

    /// <summary>The file system still has to be grown by NodeExpandVolume.</summary>
    public bool? NodeExpansionRequired { get; init; }

    /// <summary>Ready, DaxProven, Healthy.</summary>
    public IReadOnlyList<Condition> Conditions { get; init => field = value ?? []; } = [];

    /// <summary>Empty when the volume is well.</summary>
    public IReadOnlyList<ScmFinding> Health { get; init => field = value ?? []; } = [];
}

/// <param name="Kind">Degraded, Inaccessible or DataLoss.</param>
/// <param name="Reason">One CamelCase word.</param>
/// <param name="Message">What is wrong and what to do.</param>
public sealed record ScmFinding(string Kind, string Reason, string Message);

/// <summary>How far an object is.</summary>
public static class ScmPhase
{
    public const string Pending = "Pending";
    public const string Ready = "Ready";

    /// <summary>It was not made; the code says why, and nothing of it exists.</summary>
    public const string Failed = "Failed";
}

public static class ScmCode
{
    public const string Ok = "OK";
}
