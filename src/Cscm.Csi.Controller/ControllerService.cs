using Csi.V1;
using Cscm.Csi.Validation;
using Cscm.Storage;
using Grpc.Core;
using ControllerBase = Csi.V1.Controller.ControllerBase;
using Rpc = Csi.V1.ControllerServiceCapability.Types.RPC.Types.Type;

namespace Cscm.Csi.Controller;

/// <summary>
/// CSI Controller over a volume manager, of one machine or of a cluster; where volumes go is the placement's. Each call validates, calls, and answers; idempotency, locking and durability are the manager's.
/// StorageException becomes a status in the call pipeline. Thread-safe. Attaching (ControllerPublishVolume) means nothing for memory
/// that is part of the node: those calls are UNIMPLEMENTED and the capability unclaimed.
/// </summary>
public sealed class ControllerService(IVolumeManager volumes, IPlacement placement, DriverInfo driver) : ControllerBase
{
    private static readonly Rpc[] s_capabilities =
    [
        Rpc.CreateDeleteVolume, Rpc.ListVolumes, Rpc.GetCapacity, Rpc.ExpandVolume, Rpc.GetVolume, Rpc.SingleNodeMultiWriter, Rpc.ModifyVolume,
    ];

    /// <summary>Claimed when a pool can copy volumes: one of plain memory cannot.</summary>
    private static readonly Rpc[] s_snapshots = [Rpc.CreateDeleteSnapshot, Rpc.ListSnapshots, Rpc.CloneVolume, Rpc.GetSnapshot];

    private static readonly Rpc[] s_newIn113 = [Rpc.GetVolumeHealth, Rpc.ListVolumeHealth];

    /// <summary>Standalone: all volumes are this node's.</summary>
    public ControllerService(IVolumeManager volumes, DriverInfo driver)
        : this(volumes, new SingleNode(volumes, driver), driver)
    {
    }

    public override Task<ControllerGetCapabilitiesResponse> ControllerGetCapabilities(ControllerGetCapabilitiesRequest request, ServerCallContext context)
    {
        var response = new ControllerGetCapabilitiesResponse();
        bool canCopy = placement.SupportsCopies;
        foreach (Rpc capability in (Rpc[])[.. s_capabilities, .. canCopy ? s_snapshots : [], .. driver.ClaimsCsi113 ? s_newIn113 : []])
            response.Capabilities.Add(new ControllerServiceCapability { Rpc = new() { Type = capability } });
        return Task.FromResult(response);
    }

    public override async Task<CreateVolumeResponse> CreateVolume(CreateVolumeRequest request, ServerCallContext context)
    {
        VolumeSpec spec = VolumeRequests.ReadSpec(request);
        NodeTerms where = NodeTerms.Read(request.AccessibilityRequirements, driver.NodeKey);
        VolumeInfo volume = await placement.CreateVolumeAsync(spec, where, context.CancellationToken);
        return new CreateVolumeResponse { Volume = View(volume) };
    }

    public override async Task<DeleteVolumeResponse> DeleteVolume(DeleteVolumeRequest request, ServerCallContext context)
    {
        await volumes.DeleteVolumeAsync(Require.Text(request.VolumeId, "volume_id"), context.CancellationToken);
        return new DeleteVolumeResponse();
    }

    public override Task<ValidateVolumeCapabilitiesResponse> ValidateVolumeCapabilities(
        ValidateVolumeCapabilitiesRequest request, ServerCallContext context)
    {
        string volumeId = Require.Text(request.VolumeId, "volume_id");
        Require.Map(request.VolumeContext, "volume_context");
        if (request.VolumeCapabilities.Count == 0)
            throw Require.Invalid("volume_capabilities is empty: name at least one");
        VolumeInfo volume = GetOwnVolume(volumeId);
        string? mismatch;
        try
        {
            mismatch = VolumeRequests.FindMismatch(volume, Capabilities.ReadAll(request.VolumeCapabilities, "volume_capabilities"));
            VolumeParameters.ParseClass(request.Parameters, request.MutableParameters);
            IDictionary<string, string> actual = CsiViews.ContextOf(volume);
            if (request.VolumeContext.Any(pair => !actual.TryGetValue(pair.Key, out string? value) || value != pair.Value))
                mismatch ??= $"volume_context is not the one that CreateVolume returned for {volumeId}";
        }
        catch (RpcException refusal)
        {
            // What cannot be is the question here, not a fault of the call.
            mismatch = refusal.Status.Detail;
        }
        return Task.FromResult(mismatch is not null
            ? new ValidateVolumeCapabilitiesResponse { Message = mismatch }
            : new ValidateVolumeCapabilitiesResponse
            {
                Confirmed = new()
                {
                    VolumeCapabilities = { request.VolumeCapabilities },
                    VolumeContext = { request.VolumeContext },
                    Parameters = { request.Parameters },
                    MutableParameters = { request.MutableParameters },
                },
            });
    }

    public override Task<ListVolumesResponse> ListVolumes(ListVolumesRequest request, ServerCallContext context)
    {
        (IReadOnlyList<VolumeInfo> page, string nextToken) = Paging.Slice(
            OwnVolumes(), volume => volume.Id, request.StartingToken, Require.MaximumEntries(request.MaxEntries));
        var response = new ListVolumesResponse { NextToken = nextToken };
        response.Entries.Add(page.Select(volume => new ListVolumesResponse.Types.Entry { Volume = View(volume) }));
        return Task.FromResult(response);
    }

    public override Task<ControllerGetVolumeResponse> ControllerGetVolume(ControllerGetVolumeRequest request, ServerCallContext context)
    {
        VolumeInfo volume = GetOwnVolume(Require.Text(request.VolumeId, "volume_id"));
        return Task.FromResult(new ControllerGetVolumeResponse { Volume = View(volume), Status = new() });
    }

    public override Task<GetCapacityResponse> GetCapacity(GetCapacityRequest request, ServerCallContext context)
    {
        VolumeParameters parameters = VolumeParameters.ParseClass(request.Parameters);
        MountOptions options = request.VolumeCapabilities.Count == 0
            ? new MountOptions()
            : Capabilities.ReadAll(request.VolumeCapabilities, "volume_capabilities");
        string? fileSystem = string.IsNullOrEmpty(options.FileSystem) ? null : options.FileSystem;
        PoolCapacity capacity = placement.GetCapacity(
            parameters.PoolName, options.Access, fileSystem, NodeTerms.Read(request.AccessibleTopology, driver.NodeKey));
        return Task.FromResult(new GetCapacityResponse
        {
            AvailableCapacity = capacity.AvailableBytes,
            MaximumVolumeSize = capacity.MaximumVolumeBytes,
            MinimumVolumeSize = capacity.MinimumVolumeBytes,
        });
    }

    public override async Task<ControllerExpandVolumeResponse> ControllerExpandVolume(ControllerExpandVolumeRequest request, ServerCallContext context)
    {
        string volumeId = Require.Text(request.VolumeId, "volume_id");
        if (request.CapacityRange is null)
            throw Require.Invalid("capacity_range is not set: say how large the volume is to be");
        SizeRange size = Require.Range(request.CapacityRange, "capacity_range");
        if (request.VolumeCapability is not null)
            RefuseMismatch(GetOwnVolume(volumeId), Capabilities.Read(request.VolumeCapability, "volume_capability"));
        ExpandResult result = await volumes.ExpandVolumeAsync(volumeId, size, context.CancellationToken);
        return new ControllerExpandVolumeResponse { CapacityBytes = result.CapacityBytes, NodeExpansionRequired = result.NodeExpansionRequired };
    }

    public override async Task<ControllerModifyVolumeResponse> ControllerModifyVolume(ControllerModifyVolumeRequest request, ServerCallContext context)
    {
        string volumeId = Require.Text(request.VolumeId, "volume_id");
        VolumeSettingsChange change = VolumeParameters.ParseMutable(request.MutableParameters);
        await volumes.ModifyVolumeAsync(volumeId, change, context.CancellationToken);
        return new ControllerModifyVolumeResponse();
    }

    public override Task<ControllerPublishVolumeResponse> ControllerPublishVolume(ControllerPublishVolumeRequest request, ServerCallContext context)
        => throw NeedsNoAttaching();

    public override Task<ControllerUnpublishVolumeResponse> ControllerUnpublishVolume(ControllerUnpublishVolumeRequest request, ServerCallContext context)
        => throw NeedsNoAttaching();

    public override async Task<CreateSnapshotResponse> CreateSnapshot(CreateSnapshotRequest request, ServerCallContext context)
    {
        string name = Require.Text(request.Name, "name");
        string sourceVolumeId = Require.Text(request.SourceVolumeId, "source_volume_id");
        VolumeParameters.RefuseAll(request.Parameters);
        string node = placement.NodeOf(sourceVolumeId);
        if (!NodeTerms.Read(request.AccessibilityRequirements, driver.NodeKey).Admits(node))
            throw new RpcException(new Status(StatusCode.ResourceExhausted, $"no requisite topology includes node {node} ({driver.NodeKey}), where the volume is"));
        SnapshotInfo snapshot = await volumes.CreateSnapshotAsync(name, sourceVolumeId, context.CancellationToken);
        return new CreateSnapshotResponse { Snapshot = CsiViews.ToCsi(snapshot) };
    }

    public override async Task<DeleteSnapshotResponse> DeleteSnapshot(DeleteSnapshotRequest request, ServerCallContext context)
    {
        await volumes.DeleteSnapshotAsync(Require.Text(request.SnapshotId, "snapshot_id"), context.CancellationToken);
        return new DeleteSnapshotResponse();
    }

    public override Task<ListSnapshotsResponse> ListSnapshots(ListSnapshotsRequest request, ServerCallContext context)
    {
        string snapshotId = Require.OptionalText(request.SnapshotId, "snapshot_id");
        string sourceVolumeId = Require.OptionalText(request.SourceVolumeId, "source_volume_id");
        IEnumerable<SnapshotInfo> matching = volumes.ListSnapshots().Where(snapshot =>
            (snapshotId.Length == 0 || snapshot.Id == snapshotId) && (sourceVolumeId.Length == 0 || snapshot.SourceVolumeId == sourceVolumeId));
        (IReadOnlyList<SnapshotInfo> page, string nextToken) = Paging.Slice(
            matching, snapshot => snapshot.Id, request.StartingToken, Require.MaximumEntries(request.MaxEntries));
        var response = new ListSnapshotsResponse { NextToken = nextToken };
        response.Entries.Add(page.Select(snapshot => new ListSnapshotsResponse.Types.Entry { Snapshot = CsiViews.ToCsi(snapshot) }));
        return Task.FromResult(response);
    }

    public override Task<GetSnapshotResponse> GetSnapshot(GetSnapshotRequest request, ServerCallContext context)
    {
        SnapshotInfo snapshot = volumes.GetSnapshot(Require.Text(request.SnapshotId, "snapshot_id"));
        return Task.FromResult(new GetSnapshotResponse { Snapshot = CsiViews.ToCsi(snapshot) });
    }

    public override Task<ControllerGetVolumeHealthResponse> ControllerGetVolumeHealth(ControllerGetVolumeHealthRequest request, ServerCallContext context)
    {
        VolumeInfo volume = GetOwnVolume(Require.Text(request.VolumeId, "volume_id"));
        return Task.FromResult(new ControllerGetVolumeHealthResponse { VolumeHealth = HealthViews.ToCsi(volume.Id, volume.Health) });
    }

    public override Task<ControllerListVolumeHealthResponse> ControllerListVolumeHealth(ControllerListVolumeHealthRequest request, ServerCallContext context)
    {
        (IReadOnlyList<VolumeInfo> page, string nextToken) = Paging.Slice(
            OwnVolumes(), volume => volume.Id, request.StartingToken, Require.MaximumEntries(request.MaxEntries));
        var response = new ControllerListVolumeHealthResponse { NextToken = nextToken };
        response.Entries.Add(page.Select(volume => HealthViews.ToCsi(volume.Id, volume.Health)));
        return Task.FromResult(response);
    }

    private Volume View(VolumeInfo volume) => CsiViews.ToCsi(volume, Topologies.Of(driver, placement.NodeOf(volume.Id)));

    /// <summary>Volumes that CreateVolume made; inline ephemeral ones belong to the node calls alone.</summary>
    private IEnumerable<VolumeInfo> OwnVolumes() => volumes.ListVolumes().Where(volume => !volume.IsEphemeral);

    private VolumeInfo GetOwnVolume(string volumeId)
    {
        VolumeInfo volume = volumes.GetVolume(volumeId);
        return !volume.IsEphemeral ? volume : throw new StorageException(
            StorageErrorKind.NotFound, $"volume {volumeId} is an inline ephemeral volume, which lives and dies with its pod");
    }

    private static RpcException NeedsNoAttaching() => new(new Status(
        StatusCode.Unimplemented, "a volume is memory of its node and is never attached: set attachRequired: false in the CSIDriver object"));

    private static void RefuseMismatch(VolumeInfo volume, MountOptions wanted)
    {
        if (VolumeRequests.FindMismatch(volume, wanted) is string mismatch)
            throw Require.Invalid(mismatch);
    }
}
