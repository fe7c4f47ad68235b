using Csi.V1;

namespace Cscm.Csi.Controller;

/// <summary>The nodes that a caller admits and prefers (CSI: TopologyRequirement). Immutable.</summary>
public sealed class NodeTerms
{
    private readonly HashSet<string>? _requisite;

    private NodeTerms(IEnumerable<Topology>? requisite, IEnumerable<Topology> preferred, string key)
    {
        Topology[]? given = requisite?.ToArray();
        // A topology without segments is the whole cluster.
        if (given is { Length: > 0 } && given.All(topology => topology.Segments.Count > 0))
            _requisite = [.. given.Select(topology => NodeIn(topology, key)).OfType<string>()];
        Preferred = [.. preferred.Select(topology => NodeIn(topology, key)).OfType<string>().Where(Admits)];
    }

    public static NodeTerms Anywhere { get; } = new(null, [], "");

    /// <summary>Best first; all of them admitted.</summary>
    public IReadOnlyList<string> Preferred { get; }

    /// <summary>An absent or empty requirement admits every node.</summary>
    public static NodeTerms Read(TopologyRequirement? requirement, string key) => new(requirement?.Requisite, requirement?.Preferred ?? [], key);

    /// <summary>An absent or empty topology admits every node.</summary>
    public static NodeTerms Read(Topology? topology, string key) => new(topology is null ? null : [topology], [], key);

    public bool Admits(string node) => _requisite is null || _requisite.Contains(node);

    /// <summary>Segments of other drivers or unknown keys name no node of ours.</summary>
    private static string? NodeIn(Topology topology, string key)
        => topology.Segments.Count == 1 && topology.Segments.TryGetValue(key, out string? node) ? node : null;
}
