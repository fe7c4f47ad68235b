using Csi.V1;
using Cscm.Csi.Tests.Driver;
using Mode = Csi.V1.VolumeCapability.Types.AccessMode.Types.Mode;

namespace Cscm.Bench.Driver;

/// <summary>One volume's life as an orchestrator drives it. Cycles may run in parallel.</summary>
internal sealed class VolumeCycle(CsiClient client, string directory, string pool, string fileSystem, long sizeBytes, bool withSnapshot)
{
    public async Task RunAsync(Latencies latencies)
    {
        string name = $"bench-{Guid.NewGuid():N}";
        string staging = Path.Combine(directory, name + ".staging");
        string target = Path.Combine(directory, name + ".target");
        Directory.CreateDirectory(staging);
        var capability = new VolumeCapability { Mount = new() { FsType = fileSystem }, AccessMode = new() { Mode = Mode.SingleNodeWriter } };
        var create = new CreateVolumeRequest { Name = name, CapacityRange = new() { RequiredBytes = sizeBytes }, VolumeCapabilities = { capability } };
        if (pool.Length > 0)
            create.Parameters["pool"] = pool;

        // An empty call: what any call costs in this client, on this machine, at this moment.
        await latencies.TimeAsync("probe", () => client.Identity.ProbeAsync(new ProbeRequest()).ResponseAsync);
        Volume volume = (await latencies.TimeAsync("create", () => client.Controller.CreateVolumeAsync(create).ResponseAsync)).Volume;
        string id = volume.VolumeId;
        await latencies.TimeAsync("stage", () => client.Node.NodeStageVolumeAsync(new NodeStageVolumeRequest
        {
            VolumeId = id,
            StagingTargetPath = staging,
            VolumeCapability = capability,
            VolumeContext = { volume.VolumeContext },
        }).ResponseAsync);
        await latencies.TimeAsync("publish", () => client.Node.NodePublishVolumeAsync(new NodePublishVolumeRequest
        {
            VolumeId = id,
            StagingTargetPath = staging,
            TargetPath = target,
            VolumeCapability = capability,
            VolumeContext = { volume.VolumeContext },
        }).ResponseAsync);
        await latencies.TimeAsync("stats", () => client.Node.NodeGetVolumeStatsAsync(new NodeGetVolumeStatsRequest { VolumeId = id, VolumePath = target }).ResponseAsync);
        await latencies.TimeAsync("unpublish", () => client.Node.NodeUnpublishVolumeAsync(new NodeUnpublishVolumeRequest { VolumeId = id, TargetPath = target }).ResponseAsync);
        await latencies.TimeAsync("unstage", () => client.Node.NodeUnstageVolumeAsync(new NodeUnstageVolumeRequest { VolumeId = id, StagingTargetPath = staging }).ResponseAsync);
        await latencies.TimeAsync("expand", () => client.Controller.ControllerExpandVolumeAsync(new ControllerExpandVolumeRequest
        {
            VolumeId = id,
            CapacityRange = new() { RequiredBytes = 2 * sizeBytes },
        }).ResponseAsync);
        string? snapshotId = null;
        if (withSnapshot)
        {
            var snapshot = new CreateSnapshotRequest { Name = name, SourceVolumeId = id };
            snapshotId = (await latencies.TimeAsync("snapshot", () => client.Controller.CreateSnapshotAsync(snapshot).ResponseAsync)).Snapshot.SnapshotId;
        }
        await latencies.TimeAsync("delete", () => client.Controller.DeleteVolumeAsync(new DeleteVolumeRequest { VolumeId = id }).ResponseAsync);
        if (snapshotId is not null)
            await latencies.TimeAsync("delete snapshot", () => client.Controller.DeleteSnapshotAsync(new DeleteSnapshotRequest { SnapshotId = snapshotId }).ResponseAsync);
    }
}
