using Csi.V1;

namespace Cscm.Csi;

/// <summary>Node-local topology: a volume is reachable on one node, by one segment.</summary>
public static class Topologies
{
    public static Topology Of(DriverInfo driver) => Of(driver, driver.NodeId);

    public static Topology Of(DriverInfo driver, string node) => new() { Segments = { [driver.NodeKey] = node } };
}
