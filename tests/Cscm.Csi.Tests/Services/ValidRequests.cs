using Csi.V1;
using Cscm.Csi.Tests.Fakes;
using Google.Protobuf;
using Mode = Csi.V1.VolumeCapability.Types.AccessMode.Types.Mode;

namespace Cscm.Csi.Tests.Services;

/// <summary>For every RPC a request with every field set, that the services accept. Bad requests differ from these in one place.</summary>
internal static class ValidRequests
{
    public static VolumeCapability Mount => new()
    {
        Mount = new() { FsType = "ext4", MountFlags = { "noatime" }, VolumeMountGroup = "1000" },
        AccessMode = new() { Mode = Mode.SingleNodeWriter },
    };

    public static IReadOnlyList<IMessage> All =>
    [
        new GetPluginInfoRequest(),
        new GetPluginCapabilitiesRequest(),
        new ProbeRequest(),
        new CreateVolumeRequest
        {
            Name = "pvc-1",
            CapacityRange = new() { RequiredBytes = 1 << 20, LimitBytes = 1 << 30 },
            VolumeCapabilities = { Mount },
            Parameters = { ["pool"] = "fast", ["dax"] = "preferred", ["erase"] = "zero", ["csi.storage.k8s.io/pvc/name"] = "claim" },
            MutableParameters = { ["hugePages"] = "advise" },
            Secrets = { ["token"] = "s3cret" },
            VolumeContentSource = new() { Snapshot = new() { SnapshotId = FakeStorage.SnapshotId } },
            AccessibilityRequirements = new()
            {
                Requisite = { Here },
                Preferred = { Here },
            },
        },
        new DeleteVolumeRequest { VolumeId = FakeStorage.VolumeId, Secrets = { ["token"] = "s3cret" } },
        new ValidateVolumeCapabilitiesRequest
        {
            VolumeId = FakeStorage.VolumeId,
            VolumeContext = { ["pool"] = "fast" },
            VolumeCapabilities = { Mount },
            Parameters = { ["pool"] = "fast" },
            MutableParameters = { ["erase"] = "none" },
            Secrets = { ["token"] = "s3cret" },
        },
        new ListVolumesRequest { MaxEntries = 5 },
        new GetCapacityRequest { VolumeCapabilities = { Mount }, Parameters = { ["pool"] = "fast" }, AccessibleTopology = Here, },
        new ControllerGetCapabilitiesRequest(),
        new ControllerGetVolumeRequest { VolumeId = FakeStorage.VolumeId },
        new ControllerExpandVolumeRequest
        {
            VolumeId = FakeStorage.VolumeId,
            CapacityRange = new() { RequiredBytes = 64 << 20, LimitBytes = 128 << 20 },
            VolumeCapability = Mount,
            Secrets = { ["token"] = "s3cret" },
        },
        new ControllerModifyVolumeRequest { VolumeId = FakeStorage.VolumeId, MutableParameters = { ["erase"] = "none" }, Secrets = { ["token"] = "s3cret" } },
        new ControllerGetVolumeHealthRequest { VolumeId = FakeStorage.VolumeId, Secrets = { ["token"] = "s3cret" } },
        new ControllerListVolumeHealthRequest { MaxEntries = 5, Secrets = { ["token"] = "s3cret" } },
        new CreateSnapshotRequest
        {
            SourceVolumeId = FakeStorage.VolumeId, Name = "nightly", Secrets = { ["token"] = "s3cret" },
            AccessibilityRequirements = new() { Requisite = { Here } },
        },
        new DeleteSnapshotRequest { SnapshotId = FakeStorage.SnapshotId, Secrets = { ["token"] = "s3cret" } },
        new ListSnapshotsRequest
        {
            MaxEntries = 5, SnapshotId = FakeStorage.SnapshotId, SourceVolumeId = FakeStorage.VolumeId, Secrets = { ["token"] = "s3cret" },
        },
        new GetSnapshotRequest { SnapshotId = FakeStorage.SnapshotId, Secrets = { ["token"] = "s3cret" } },
        new GroupControllerGetCapabilitiesRequest(),
        new CreateVolumeGroupSnapshotRequest { Name = "group", SourceVolumeIds = { FakeStorage.VolumeId, FakeStorage.BlockVolumeId } },
        new DeleteVolumeGroupSnapshotRequest { GroupSnapshotId = FakeStorage.GroupId, SnapshotIds = { FakeStorage.SnapshotId } },
        new GetVolumeGroupSnapshotRequest { GroupSnapshotId = FakeStorage.GroupId, SnapshotIds = { FakeStorage.SnapshotId } },
        new GetMetadataAllocatedRequest { SnapshotId = FakeStorage.SnapshotId, StartingOffset = 4096, MaxResults = 100 },
        new GetMetadataDeltaRequest
        {
            BaseSnapshotId = FakeStorage.SnapshotId, TargetSnapshotId = FakeStorage.SnapshotId, StartingOffset = 4096, MaxResults = 100,
        },
        new NodeStageVolumeRequest
        {
            VolumeId = FakeStorage.VolumeId, StagingTargetPath = "/staging/1", VolumeCapability = Mount, VolumeContext = { ["pool"] = "fast" },
            PublishContext = { ["device"] = "none" }, Secrets = { ["token"] = "s3cret" },
        },
        new NodeUnstageVolumeRequest { VolumeId = FakeStorage.VolumeId, StagingTargetPath = "/staging/1" },
        new NodePublishVolumeRequest
        {
            VolumeId = FakeStorage.VolumeId, StagingTargetPath = "/staging/1", TargetPath = "/target/1", VolumeCapability = Mount, Readonly = true,
            VolumeContext = { ["pool"] = "fast" }, PublishContext = { ["device"] = "none" }, Secrets = { ["token"] = "s3cret" },
        },
        new NodeUnpublishVolumeRequest { VolumeId = FakeStorage.VolumeId, TargetPath = "/target/1" },
        new NodeGetVolumeStatsRequest { VolumeId = FakeStorage.VolumeId, VolumePath = "/target/1", StagingTargetPath = "/staging/1" },
        new NodeGetVolumeHealthRequest { VolumeId = FakeStorage.VolumeId, VolumePublishPath = "/target/1", StagingTargetPath = "/staging/1" },
        new NodeGetStorageHealthRequest { Secrets = { ["token"] = "s3cret" } },
        new NodeExpandVolumeRequest
        {
            VolumeId = FakeStorage.VolumeId, VolumePath = "/target/1", StagingTargetPath = "/staging/1", VolumeCapability = Mount,
            CapacityRange = new() { RequiredBytes = 64 << 20, LimitBytes = 128 << 20 }, Secrets = { ["token"] = "s3cret" },
        },
        new NodeGetCapabilitiesRequest(),
        new NodeGetInfoRequest(),
    ];

    private static Topology Here => new() { Segments = { [DriverInfo.TopologyKey] = InProcessDriver.NodeId } };

    public static T Of<T>()
        where T : IMessage => All.OfType<T>().Single();

    public static IMessage Named(string name) => All.Single(request => request.Descriptor.Name == name);
}
