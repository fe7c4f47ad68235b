using Cscm.Kubernetes;
using Cscm.Storage;

namespace Cscm.Csi.Controller.Cluster;

/// <summary>Where a volume goes: a pool on a node.</summary>
internal sealed record Place(string Node, string Pool);

/// <summary>
/// Chooses among the nodes that the caller admits: those it prefers first, in its order; of the others the emptiest, so that volumes
/// spread. On a node the default pool goes first, then the emptiest, which spreads over its NUMA nodes.
/// </summary>
internal sealed class NodeChooser(ClusterState state)
{
    /// <summary>All places with room, best first.</summary>
    /// <exception cref="StorageException">There is none: says whether for lack of room or because no pool serves such volumes.</exception>
    public IReadOnlyList<Place> Choose(VolumeSpec spec, NodeTerms where)
    {
        var places = new List<(Place Place, int Preference, bool IsDefault, long FreeBytes)>();
        bool isServed = false, isFitting = false;
        PendingBytes unpublished = state.ReadPending();
        foreach (ScmNode node in Admitted(where))
        {
            int preference = IndexOf(where.Preferred, node.Metadata.Name);
            foreach ((ScmPool pool, ScmOffer offer) in Offers(node, spec.Pool, spec.Access, spec.FileSystem))
            {
                isServed = true;
                if (spec.Size.LimitBytes > 0 && spec.Size.LimitBytes < offer.MinimumVolumeBytes)
                    continue;
                isFitting = true;
                long pending = unpublished.Of(node.Metadata.Name, pool.Name);
                long wanted = Math.Max(spec.Size.RequiredBytes, offer.MinimumVolumeBytes);
                if (Math.Min(offer.MaximumVolumeBytes, offer.AvailableBytes - pending) >= wanted)
                    places.Add((new Place(node.Metadata.Name, pool.Name), preference, pool.IsDefault, offer.AvailableBytes - pending));
            }
        }
        if (places.Count == 0)
            throw Refuse(spec, isServed, isFitting);
        return
        [
            .. places
                .OrderBy(place => place.Preference).ThenByDescending(place => place.IsDefault).ThenByDescending(place => place.FreeBytes)
                .ThenBy(place => place.Place.Node, StringComparer.Ordinal).Select(place => place.Place),
        ];
    }

    public PoolCapacity CapacityOf(string? pool, AccessType access, string? fileSystem, NodeTerms where)
    {
        long available = 0, maximum = 0, minimum = long.MaxValue, total = 0;
        PendingBytes unpublished = state.ReadPending();
        foreach (ScmNode node in Admitted(where))
        {
            foreach ((ScmPool candidate, ScmOffer offer) in Offers(node, pool, access, fileSystem))
            {
                long free = Math.Max(0, offer.AvailableBytes - unpublished.Of(node.Metadata.Name, candidate.Name));
                available += free;
                maximum = Math.Max(maximum, Math.Min(offer.MaximumVolumeBytes, free));
                minimum = Math.Min(minimum, offer.MinimumVolumeBytes);
                total += candidate.TotalBytes;
            }
        }
        return minimum == long.MaxValue ? default : new PoolCapacity(available, maximum, minimum, total);
    }

    private IEnumerable<ScmNode> Admitted(NodeTerms where)
        => state.Nodes.Items.Where(node => node.Metadata.DeletionTimestamp is null && where.Admits(node.Metadata.Name));

    private static IEnumerable<(ScmPool Pool, ScmOffer Offer)> Offers(ScmNode node, string? pool, AccessType access, string? fileSystem)
    {
        foreach (ScmPool candidate in node.Status?.Pools ?? [])
        {
            if (pool is not null && candidate.Name != pool)
                continue;
            ScmOffer? offer = candidate.Offers.FirstOrDefault(offer =>
                offer.Access == access.ToString() && (access == AccessType.Block || string.IsNullOrEmpty(fileSystem) || offer.FileSystem == fileSystem));
            if (offer is not null)
                yield return (candidate, offer);
        }
    }

    private static int IndexOf(IReadOnlyList<string> preferred, string node)
    {
        for (int i = 0; i < preferred.Count; i++)
        {
            if (preferred[i] == node)
                return i;
        }
        return int.MaxValue;
    }

    private StorageException Refuse(VolumeSpec spec, bool isServed, bool isFitting)
    {
        string kind = spec.Access == AccessType.Block ? "block" : string.IsNullOrEmpty(spec.FileSystem) ? "mount" : spec.FileSystem;
        if (isServed && !isFitting)
            return new StorageException(StorageErrorKind.OutOfRange, $"limit_bytes {spec.Size.LimitBytes} is below the smallest volume that a pool makes: raise it");
        if (isServed)
            return new StorageException(StorageErrorKind.ResourceExhausted, $"no node that the topology admits has room for {spec.Size.RequiredBytes} bytes (kubectl get scmnodes)");
        string[] pools = [.. state.Nodes.Items.SelectMany(node => node.Status?.Pools ?? []).Select(pool => pool.Name).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];
        if (spec.Pool is not null && pools.Length > 0 && !pools.Contains(spec.Pool))
            return new StorageException(StorageErrorKind.InvalidArgument, $"no node has a pool named {spec.Pool}: there are {string.Join(", ", pools)}");
        return new StorageException(
            StorageErrorKind.ResourceExhausted,
            $"no node that the topology admits has {(spec.Pool is null ? "a pool" : $"the pool {spec.Pool}")} for {kind} volumes (kubectl get scmnodes): is the node service running there?");
    }
}
