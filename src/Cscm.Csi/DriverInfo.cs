namespace Cscm.Csi;

/// <summary>Who the driver is and where it runs. Immutable.</summary>
/// <param name="NodeId">The node's name as the orchestrator knows it: at most 192 bytes, as CSI limits node ids.</param>
public sealed record DriverInfo(string NodeId)
{
    public const string Name = "cscm.io";

    /// <summary>The topology segment that pins a volume to its node, of a driver with its usual name.</summary>
    public const string TopologyKey = $"topology.{Name}/node";

    /// <summary>The name that this installation goes by; StorageClasses name it as their provisioner.</summary>
    public string DriverName { get; init; } = Name;

    /// <summary><see cref="TopologyKey"/> for <see cref="DriverName"/>.</summary>
    public string NodeKey => $"topology.{DriverName}/node";

    public static string Version { get; } = typeof(DriverInfo).Assembly.GetName().Version?.ToString(3) ?? "0.0.0";

    /// <summary>
    /// Volumes that one node takes, zero for no limit. Each staged image holds a loop device and a mount, which is what runs out first.
    /// </summary>
    public long MaximumVolumes { get; init; } = 1024;

    /// <summary>
    /// Whether capabilities that are new in CSI 1.13 are claimed; their calls are served either way. An orchestrator built on an older
    /// contract should ignore what it does not know, but some refuse it (csi-sanity up to 5.5, which is built on 1.12).
    /// </summary>
    public bool ClaimsCsi113 { get; init; } = true;
}
