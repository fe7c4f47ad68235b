using Csi.V1;
using Cscm.Csi.Validation;
using Cscm.Storage;
using Grpc.Core;
using NodeBase = Csi.V1.Node.NodeBase;
using Rpc = Csi.V1.NodeServiceCapability.Types.RPC.Types.Type;

namespace Cscm.Csi.Node;

/// <summary>CSI Node over this machine's publisher. Each call validates, calls, and answers. Thread-safe.</summary>
public sealed class NodeService(IVolumePublisher publisher, IVolumeManager volumes, DriverInfo driver) : NodeBase
{
    private static readonly Rpc[] s_capabilities =
    [
        Rpc.StageUnstageVolume, Rpc.GetVolumeStats, Rpc.ExpandVolume, Rpc.SingleNodeMultiWriter, Rpc.VolumeMountGroup,
    ];

    private static readonly Rpc[] s_newIn113 = [Rpc.GetVolumeHealth, Rpc.GetStorageHealth];

    public override Task<NodeGetCapabilitiesResponse> NodeGetCapabilities(NodeGetCapabilitiesRequest request, ServerCallContext context)
    {
        var response = new NodeGetCapabilitiesResponse();
        foreach (Rpc capability in driver.ClaimsCsi113 ? [.. s_capabilities, .. s_newIn113] : s_capabilities)
            response.Capabilities.Add(new NodeServiceCapability { Rpc = new() { Type = capability } });
        return Task.FromResult(response);
    }

    public override Task<NodeGetInfoResponse> NodeGetInfo(NodeGetInfoRequest request, ServerCallContext context)
        => Task.FromResult(new NodeGetInfoResponse
        {
            NodeId = driver.NodeId,
            MaxVolumesPerNode = driver.MaximumVolumes,
            AccessibleTopology = Topologies.Of(driver),
        });

    public override async Task<NodeStageVolumeResponse> NodeStageVolume(NodeStageVolumeRequest request, ServerCallContext context)
    {
        var stage = new StageRequest(
            Require.Text(request.VolumeId, "volume_id"),
            Require.Path(request.StagingTargetPath, "staging_target_path"),
            Capabilities.Read(request.VolumeCapability, "volume_capability"));
        Require.Map(request.PublishContext, "publish_context");
        Require.Map(request.VolumeContext, "volume_context");
        await publisher.StageAsync(stage, context.CancellationToken);
        return new NodeStageVolumeResponse();
    }

    public override async Task<NodeUnstageVolumeResponse> NodeUnstageVolume(NodeUnstageVolumeRequest request, ServerCallContext context)
    {
        string volumeId = Require.Text(request.VolumeId, "volume_id");
        await publisher.UnstageAsync(volumeId, Require.Path(request.StagingTargetPath, "staging_target_path"), context.CancellationToken);
        return new NodeUnstageVolumeResponse();
    }

    public override async Task<NodePublishVolumeResponse> NodePublishVolume(NodePublishVolumeRequest request, ServerCallContext context)
    {
        await publisher.PublishAsync(PublishRequests.Read(request), context.CancellationToken);
        return new NodePublishVolumeResponse();
    }

    public override async Task<NodeUnpublishVolumeResponse> NodeUnpublishVolume(NodeUnpublishVolumeRequest request, ServerCallContext context)
    {
        string volumeId = Require.Text(request.VolumeId, "volume_id");
        await publisher.UnpublishAsync(volumeId, Require.Path(request.TargetPath, "target_path"), context.CancellationToken);
        return new NodeUnpublishVolumeResponse();
    }

    public override async Task<NodeGetVolumeStatsResponse> NodeGetVolumeStats(NodeGetVolumeStatsRequest request, ServerCallContext context)
    {
        string volumeId = Require.Text(request.VolumeId, "volume_id");
        string path = Require.OccupiedPath(request.VolumePath, "volume_path");
        Require.OptionalPath(request.StagingTargetPath, "staging_target_path");
        VolumeStats stats = await publisher.GetStatsAsync(volumeId, path, context.CancellationToken);
        var response = new NodeGetVolumeStatsResponse
        {
            Usage =
            {
                new VolumeUsage
                {
                    Unit = VolumeUsage.Types.Unit.Bytes, Total = stats.TotalBytes, Used = stats.UsedBytes, Available = stats.AvailableBytes,
                },
            },
        };
        if (stats.TotalInodes > 0)
        {
            response.Usage.Add(new VolumeUsage
            {
                Unit = VolumeUsage.Types.Unit.Inodes,
                Total = stats.TotalInodes,
                Used = stats.UsedInodes,
                Available = stats.AvailableInodes,
            });
        }
        return response;
    }

    public override async Task<NodeExpandVolumeResponse> NodeExpandVolume(NodeExpandVolumeRequest request, ServerCallContext context)
    {
        string volumeId = Require.Text(request.VolumeId, "volume_id");
        string path = Require.OccupiedPath(request.VolumePath, "volume_path");
        Require.OptionalPath(request.StagingTargetPath, "staging_target_path");
        SizeRange size = request.CapacityRange is null ? default : Require.Range(request.CapacityRange, "capacity_range");
        if (request.VolumeCapability is not null)
            Capabilities.Read(request.VolumeCapability, "volume_capability");
        ExpandResult result = await publisher.ExpandOnNodeAsync(volumeId, path, size, context.CancellationToken);
        return new NodeExpandVolumeResponse { CapacityBytes = result.CapacityBytes };
    }

    public override async Task<NodeGetVolumeHealthResponse> NodeGetVolumeHealth(NodeGetVolumeHealthRequest request, ServerCallContext context)
    {
        string volumeId = Require.Text(request.VolumeId, "volume_id");
        string? stagingPath = Require.OptionalPath(request.StagingTargetPath, "staging_target_path");
        string? path = Require.OptionalPath(request.VolumePublishPath, "volume_publish_path") ?? stagingPath;
        IReadOnlyList<HealthFinding> findings = await publisher.GetHealthAsync(volumeId, path, context.CancellationToken);
        return new NodeGetVolumeHealthResponse { VolumeHealth = HealthViews.ToCsi(volumeId, findings) };
    }

    public override Task<NodeGetStorageHealthResponse> NodeGetStorageHealth(NodeGetStorageHealthRequest request, ServerCallContext context)
    {
        var response = new NodeGetStorageHealthResponse();
        foreach (PoolHealth health in volumes.GetPoolHealth())
        {
            response.BackendHealth.Add(new NodeGetStorageHealthResponse.Types.StorageBackendHealth
            {
                Status = HealthViews.ToCsi(health.Kind),
                Reason = health.Reason,
                Message = $"pool {health.Pool}: {health.Message}",
            });
        }
        return Task.FromResult(response);
    }
}
