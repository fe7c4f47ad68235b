namespace Cscm.Bench.Cluster;

/// <param name="Name">As in the figures' names.</param>
/// <param name="Provisioner">The driver.</param>
/// <param name="Parameters">Of its classes.</param>
internal sealed record Contestant(string Name, string Provisioner, IReadOnlyDictionary<string, string>? Parameters)
{
    /// <summary>Binds when the scheduler has chosen a node for the pod.</summary>
    public string LateClass => $"cscm-bench-{Name}-late";

    /// <summary>Binds at once.</summary>
    public string ImmediateClass => $"cscm-bench-{Name}-immediate";
}
