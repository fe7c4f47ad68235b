using Csi.V1;
using Grpc.Core;
using Grpc.Net.Client;
using Mode = Csi.V1.VolumeCapability.Types.AccessMode.Types.Mode;

namespace Cscm.Demo.Orchestration;

/// <summary>What kubelet and the CSI sidecars do, by hand: the calls that bring a volume to a container and take it away again.</summary>
/// <param name="channel">To the driver.</param>
/// <param name="directory">For staging and target paths; exists.</param>
internal sealed class Orchestrator(GrpcChannel channel, string directory)
{
    private static readonly TimeSpan s_callLimit = TimeSpan.FromSeconds(60);

    private readonly Identity.IdentityClient _identity = new(channel);
    private readonly Controller.ControllerClient _controller = new(channel);
    private readonly Node.NodeClient _node = new(channel);

    public async Task<string> DescribeDriverAsync()
    {
        GetPluginInfoResponse info = await _identity.GetPluginInfoAsync(new GetPluginInfoRequest(), Options());
        NodeGetInfoResponse node = await _node.NodeGetInfoAsync(new NodeGetInfoRequest(), Options());
        return $"{info.Name} {info.VendorVersion}, node {node.NodeId}";
    }

    public async Task<long> GetCapacityAsync(string pool)
    {
        GetCapacityResponse response = await _controller.GetCapacityAsync(new GetCapacityRequest { Parameters = { ["pool"] = pool } }, Options());
        return response.AvailableCapacity;
    }

    /// <summary>Creates a volume, or one with a snapshot's content.</summary>
    /// <param name="name">The caller's name for it.</param>
    /// <param name="pool">The pool's name.</param>
    /// <param name="fileSystem">Empty leaves the choice to the driver.</param>
    /// <param name="sizeBytes">Must be usable, at least.</param>
    /// <param name="snapshotId">Null for an empty volume.</param>
    public async Task<DemoVolume> CreateAsync(string name, string pool, string fileSystem, long sizeBytes, string? snapshotId = null)
    {
        VolumeCapability capability = Capability(fileSystem);
        var request = new CreateVolumeRequest
        {
            Name = name,
            CapacityRange = new CapacityRange { RequiredBytes = sizeBytes },
            VolumeCapabilities = { capability },
            Parameters = { ["pool"] = pool },
        };
        if (snapshotId is not null)
            request.VolumeContentSource = new VolumeContentSource { Snapshot = new() { SnapshotId = snapshotId } };
        Volume volume = (await _controller.CreateVolumeAsync(request, Options())).Volume;
        if (volume.CapacityBytes < sizeBytes)
            throw new DemoException($"volume {name} has {volume.CapacityBytes} bytes: {sizeBytes} were required");
        string paths = Path.Combine(directory, name);
        return new DemoVolume(volume, capability, Path.Combine(paths, "staging"), Path.Combine(paths, "target"));
    }

    public async Task StageAsync(DemoVolume volume)
    {
        Directory.CreateDirectory(volume.StagingPath);
        await _node.NodeStageVolumeAsync(
            new NodeStageVolumeRequest
            {
                VolumeId = volume.Id,
                StagingTargetPath = volume.StagingPath,
                VolumeCapability = volume.Capability,
                VolumeContext = { volume.Csi.VolumeContext },
            },
            Options());
    }

    public async Task PublishAsync(DemoVolume volume) => await _node.NodePublishVolumeAsync(
        new NodePublishVolumeRequest
        {
            VolumeId = volume.Id,
            StagingTargetPath = volume.StagingPath,
            TargetPath = volume.TargetPath,
            VolumeCapability = volume.Capability,
            VolumeContext = { volume.Csi.VolumeContext },
        },
        Options());

    public async Task UnpublishAsync(DemoVolume volume) => await _node.NodeUnpublishVolumeAsync(
        new NodeUnpublishVolumeRequest { VolumeId = volume.Id, TargetPath = volume.TargetPath }, Options());

    public async Task UnstageAsync(DemoVolume volume) => await _node.NodeUnstageVolumeAsync(
        new NodeUnstageVolumeRequest { VolumeId = volume.Id, StagingTargetPath = volume.StagingPath }, Options());

    /// <summary>Unpublishes, unstages and deletes; each may have been done before.</summary>
    public async Task RemoveAsync(DemoVolume volume)
    {
        await UnpublishAsync(volume);
        await UnstageAsync(volume);
        await _controller.DeleteVolumeAsync(new DeleteVolumeRequest { VolumeId = volume.Id }, Options());
    }

    /// <summary>Grows a volume that is published, by the controller's call and, if it asks for it, the node's.</summary>
    public async Task<long> ExpandAsync(DemoVolume volume, long sizeBytes)
    {
        var range = new CapacityRange { RequiredBytes = sizeBytes };
        ControllerExpandVolumeResponse response = await _controller.ControllerExpandVolumeAsync(
            new ControllerExpandVolumeRequest { VolumeId = volume.Id, CapacityRange = range, VolumeCapability = volume.Capability }, Options());
        if (!response.NodeExpansionRequired)
            return response.CapacityBytes;
        NodeExpandVolumeResponse expanded = await _node.NodeExpandVolumeAsync(
            new NodeExpandVolumeRequest
            {
                VolumeId = volume.Id,
                VolumePath = volume.TargetPath,
                StagingTargetPath = volume.StagingPath,
                CapacityRange = range,
                VolumeCapability = volume.Capability,
            },
            Options());
        return expanded.CapacityBytes;
    }

    public async Task<Snapshot> CreateSnapshotAsync(string name, DemoVolume volume)
    {
        CreateSnapshotResponse response = await _controller.CreateSnapshotAsync(
            new CreateSnapshotRequest { Name = name, SourceVolumeId = volume.Id }, Options());
        return response.Snapshot;
    }

    public async Task DeleteSnapshotAsync(string snapshotId)
        => await _controller.DeleteSnapshotAsync(new DeleteSnapshotRequest { SnapshotId = snapshotId }, Options());

    public async Task<int> CountVolumesAsync() => (await _controller.ListVolumesAsync(new ListVolumesRequest(), Options())).Entries.Count;

    private static CallOptions Options() => new(deadline: TimeProvider.System.GetUtcNow().Add(s_callLimit).UtcDateTime);

    private static VolumeCapability Capability(string fileSystem) => new() { Mount = new() { FsType = fileSystem }, AccessMode = new() { Mode = Mode.SingleNodeWriter } };
}

/// <summary>A volume, and where the orchestrator has it mounted.</summary>
internal sealed record DemoVolume(Volume Csi, VolumeCapability Capability, string StagingPath, string TargetPath)
{
    public string Id => Csi.VolumeId;
}
