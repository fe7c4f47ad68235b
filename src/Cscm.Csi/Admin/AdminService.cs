using Cscm.Admin.V1;
using Cscm.Storage;
using Grpc.Core;
using AdminBase = Cscm.Admin.V1.Admin.AdminBase;

namespace Cscm.Csi.Admin;

/// <summary>Answers <c>cscm pools</c> and <c>cscm volumes</c> from the storage of this node. Thread-safe.</summary>
public sealed class AdminService(IVolumeManager volumes) : AdminBase
{
    public override Task<ListPoolsResponse> ListPools(ListPoolsRequest request, ServerCallContext context)
    {
        ILookup<string, PoolHealth> findings = volumes.GetPoolHealth().ToLookup(finding => finding.Pool, StringComparer.Ordinal);
        var response = new ListPoolsResponse();
        foreach (PoolInfo pool in volumes.ListPools())
            response.Pools.Add(View(pool, findings[pool.Name]));
        response.Findings.Add(findings[""].Select(View));
        return Task.FromResult(response);
    }

    public override Task<ListVolumesResponse> ListVolumes(ListVolumesRequest request, ServerCallContext context)
        => Task.FromResult(new ListVolumesResponse { Volumes = { volumes.ListVolumes().Select(View) } });

    private static Pool View(PoolInfo pool, IEnumerable<PoolHealth> findings)
    {
        var view = new Pool
        {
            Name = pool.Name,
            Kind = NameOf(pool.Kind),
            IsDefault = pool.IsDefault,
            TotalBytes = pool.Capacity.TotalBytes,
            AvailableBytes = pool.Capacity.AvailableBytes,
            MaximumVolumeBytes = pool.Capacity.MaximumVolumeBytes,
            ErasingBytes = pool.ErasingBytes,
            FileSystems = { pool.FileSystems },
            SupportsBlock = pool.SupportsBlock,
            SupportsSnapshots = pool.SupportsSnapshots,
            Findings = { findings.Select(View) },
        };
        if (pool.NumaNode is int node)
            view.NumaNode = node;
        return view;
    }

    private static Volume View(VolumeInfo volume)
    {
        var view = new Volume
        {
            Id = volume.Id,
            Name = volume.Name,
            Pool = volume.Pool,
            Kind = NameOf(volume.PoolKind),
            FileSystem = volume.FileSystem,
            CapacityBytes = volume.CapacityBytes,
            BackingBytes = volume.BackingBytes,
            StagingPath = volume.StagingPath ?? "",
            TargetPaths = { volume.TargetPaths },
            Findings = { volume.Health.Select(finding => new Finding { Kind = finding.Kind.ToString(), Reason = finding.Reason, Message = finding.Message }) },
            CreatedAtSeconds = volume.CreatedAt.ToUnixTimeSeconds(),
        };
        if (volume.NumaNode is int node)
            view.NumaNode = node;
        if (volume.Proof is { } proof)
            view.Proof = new Proof { Dax = proof.Dax.ToString(), MapSync = proof.MapSync.ToString(), HugeMappings = proof.HugeMappings.ToString(), Reason = proof.Reason };
        return view;
    }

    private static Finding View(PoolHealth finding) => new() { Kind = finding.Kind.ToString(), Reason = finding.Reason, Message = finding.Message };

    private static string NameOf(PoolKind kind) => kind.ToString().ToLowerInvariant();
}
