using Csi.V1;

namespace Cscm.Csi;

/// <summary>Node-local topology: a volume is reachable on one node, by one segment.</summary>
public static class Topologies
{
    public static Topology Of(DriverInfo driver) => new() { Segments = { [DriverInfo.TopologyKey] = driver.NodeId } };

    /// <summary>Whether a volume on this node would satisfy a requirement. An absent or empty requirement is satisfied anywhere.</summary>
    public static bool IsSatisfied(TopologyRequirement? requirement, DriverInfo driver)
        => requirement is null || requirement.Requisite.Count == 0 || requirement.Requisite.Any(topology => Includes(topology, driver));

    /// <summary>Whether this node is in a topology. Segments of other drivers or unknown keys exclude it.</summary>
    public static bool Includes(Topology? topology, DriverInfo driver)
        => topology is null || topology.Segments.Count == 0
            || topology.Segments.All(segment => segment.Key == DriverInfo.TopologyKey && segment.Value == driver.NodeId);
}
