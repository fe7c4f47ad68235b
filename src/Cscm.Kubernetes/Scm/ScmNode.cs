namespace Cscm.Kubernetes;

/// <summary>What one node offers, written by its agent. Its name is the node's.</summary>
public sealed record ScmNode : KubernetesObject
{
    public ScmNodeStatus? Status { get; init; }
}

public sealed record ScmNodeStatus
{
    public string? DriverVersion { get; init; }

    /// <summary>What is free of each pool, for people: a printer column shows one value only.</summary>
    public string? Summary { get; init; }
    public IReadOnlyList<ScmPool> Pools { get; init => field = value ?? []; } = [];

    /// <summary>Healthy.</summary>
    public IReadOnlyList<Condition> Conditions { get; init => field = value ?? []; } = [];
}

public sealed record ScmPool
{
    public string Name { get; init => field = value ?? ""; } = "";

    /// <summary>File, Dram, Lvm, Xfs or Namespace.</summary>
    public string Kind { get; init => field = value ?? ""; } = "";

    /// <summary>Serves requests that name no pool, before the others.</summary>
    public bool IsDefault { get; init; }
    public int? NumaNode { get; init; }
    public bool SupportsSnapshots { get; init; }
    public long TotalBytes { get; init; }
    public long AvailableBytes { get; init; }

    /// <summary>What it can give now, by kind of volume.</summary>
    public IReadOnlyList<ScmOffer> Offers { get; init => field = value ?? []; } = [];

    /// <summary>Empty when its medium is well.</summary>
    public IReadOnlyList<ScmFinding> Health { get; init => field = value ?? []; } = [];
}

/// <param name="Access">Mount or Block.</param>
/// <param name="FileSystem">Absent for block access; the pool's own comes first.</param>
/// <param name="AvailableBytes">Over all volumes to come.</param>
/// <param name="MaximumVolumeBytes">The largest single volume that a create would succeed with.</param>
/// <param name="MinimumVolumeBytes">The smallest volume that is made.</param>
public sealed record ScmOffer(string Access, string? FileSystem, long AvailableBytes, long MaximumVolumeBytes, long MinimumVolumeBytes);
