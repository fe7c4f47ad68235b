using Cscm.Storage;
using Cscm.Storage.Proof;

namespace Cscm.Csi.Metrics;

/// <summary>Pools and volumes of this node: space, what was proven of DAX, and what is wrong. Thread-safe.</summary>
public sealed class StorageMetrics(IVolumeManager volumes) : IMetricsSource
{
    public void Write(MetricsText text)
    {
        IReadOnlyList<PoolInfo> pools = volumes.ListPools();
        IReadOnlyList<VolumeInfo> all = volumes.ListVolumes();
        Each(text, "cscm_pool_size_bytes", "Space that the operator gave the pool, as far as its medium has it.", pools, pool => pool.Capacity.TotalBytes);
        Each(text, "cscm_pool_available_bytes", "Space that new volumes can have.", pools, pool => pool.Capacity.AvailableBytes);
        Each(text, "cscm_pool_maximum_volume_bytes", "The largest volume that can be made now; far below what is available means fragmented.", pools, pool => pool.Capacity.MaximumVolumeBytes);
        Each(text, "cscm_pool_erasing_bytes", "Space of deleted volumes that is still to be zeroed.", pools, pool => pool.ErasingBytes);

        text.Family("cscm_pool_volumes", "gauge", "Volumes in the pool.");
        foreach (PoolInfo pool in pools)
            text.Sample("cscm_pool_volumes", all.Count(volume => volume.Pool == pool.Name), ("pool", pool.Name));

        text.Family("cscm_pool_unhealthy", "gauge", "1 for each thing that is wrong with a pool, or (pool empty) with the state.");
        foreach (PoolHealth finding in volumes.GetPoolHealth())
            text.Sample("cscm_pool_unhealthy", 1, ("pool", finding.Pool), ("kind", finding.Kind.ToString()), ("reason", finding.Reason));

        text.Family("cscm_volume_dax", "gauge", "What the last stage proved of a volume: 1 holds, 0 does not; untested properties are absent.");
        foreach (VolumeInfo volume in all)
        {
            if (volume.Proof is not { } proof)
                continue;
            Proven(text, volume, "dax", proof.Dax);
            Proven(text, volume, "map_sync", proof.MapSync);
            Proven(text, volume, "huge_mappings", proof.HugeMappings);
        }

        text.Family("cscm_volume_unhealthy", "gauge", "1 for each thing that is wrong with a volume.");
        foreach (VolumeInfo volume in all)
        {
            foreach (HealthFinding finding in volume.Health)
                text.Sample("cscm_volume_unhealthy", 1, ("volume", volume.Id), ("pool", volume.Pool), ("kind", finding.Kind.ToString()), ("reason", finding.Reason));
        }
    }

    private static void Each(MetricsText text, string name, string help, IReadOnlyList<PoolInfo> pools, Func<PoolInfo, long> value)
    {
        text.Family(name, "gauge", help);
        foreach (PoolInfo pool in pools)
            text.Sample(name, value(pool), ("pool", pool.Name), ("kind", pool.Kind.ToString().ToLowerInvariant()));
    }

    private static void Proven(MetricsText text, VolumeInfo volume, string property, ProofResult result)
    {
        if (result != ProofResult.Untested)
            text.Sample("cscm_volume_dax", result == ProofResult.Proven ? 1 : 0, ("volume", volume.Id), ("pool", volume.Pool), ("property", property));
    }
}
