using Csi.V1;
using Cscm.Csi.Tests.Fakes;
using Grpc.Core;
using Rpc = Csi.V1.ControllerServiceCapability.Types.RPC.Types.Type;

namespace Cscm.Csi.Tests.Services;

/// <summary>What the services make of storage's answers.</summary>
public sealed class AnswerTests
{
    private readonly InProcessDriver _driver = new();

    [Fact]
    public async Task A_created_volume_carries_size_context_topology_and_source()
    {
        var volume = (await CallAsync<CreateVolumeResponse>(ValidRequests.Of<CreateVolumeRequest>())).Volume;
        Assert.Equal(16 << 20, volume.CapacityBytes);
        Assert.Equal("fast", volume.VolumeContext["pool"]);
        Assert.Equal("file", volume.VolumeContext["poolKind"]);
        Assert.Equal(InProcessDriver.NodeId, Assert.Single(volume.AccessibleTopology).Segments[DriverInfo.TopologyKey]);
        Assert.Equal(FakeStorage.SnapshotId, volume.ContentSource.Snapshot.SnapshotId);
    }

    [Fact]
    public async Task Inline_ephemeral_volumes_are_unknown_to_the_controller()
    {
        var list = await CallAsync<ListVolumesResponse>(new ListVolumesRequest());
        Assert.DoesNotContain(list.Entries, entry => entry.Volume.VolumeId == FakeStorage.EphemeralId);
        Assert.Equal(StatusCode.NotFound, (await _driver.StatusOfAsync(new ControllerGetVolumeRequest { VolumeId = FakeStorage.EphemeralId })).StatusCode);
    }

    [Fact]
    public async Task Capabilities_that_a_volume_cannot_have_are_an_answer_not_an_error()
    {
        var request = ValidRequests.Of<ValidateVolumeCapabilitiesRequest>();
        request.VolumeCapabilities[0].AccessMode.Mode = VolumeCapability.Types.AccessMode.Types.Mode.MultiNodeMultiWriter;
        var response = await CallAsync<ValidateVolumeCapabilitiesResponse>(request);
        Assert.Null(response.Confirmed);
        Assert.Contains("SINGLE_NODE", response.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Capabilities_of_an_unknown_volume_are_not_found_even_when_they_cannot_be()
    {
        var request = ValidRequests.Of<ValidateVolumeCapabilitiesRequest>();
        request.VolumeId = "unknown";
        Assert.Equal(StatusCode.NotFound, (await _driver.StatusOfAsync(request)).StatusCode);
    }

    [Fact]
    public async Task Confirmed_capabilities_repeat_the_whole_question()
    {
        var request = ValidRequests.Of<ValidateVolumeCapabilitiesRequest>();
        var confirmed = (await CallAsync<ValidateVolumeCapabilitiesResponse>(request)).Confirmed;
        Assert.Equal(request.VolumeCapabilities, confirmed.VolumeCapabilities);
        Assert.Equal(request.VolumeContext, confirmed.VolumeContext);
        Assert.Equal(request.Parameters, confirmed.Parameters);
        Assert.Equal(request.MutableParameters, confirmed.MutableParameters);
    }

    [Fact]
    public async Task A_topology_elsewhere_has_no_capacity()
    {
        var request = ValidRequests.Of<GetCapacityRequest>();
        request.AccessibleTopology.Segments[DriverInfo.TopologyKey] = "another";
        var response = await CallAsync<GetCapacityResponse>(request);
        Assert.Equal(0, response.AvailableCapacity);
        Assert.Equal(0, response.MaximumVolumeSize);
    }

    [Fact]
    public async Task One_requisite_topology_that_fits_is_enough()
    {
        var request = ValidRequests.Of<CreateVolumeRequest>();
        request.AccessibilityRequirements.Requisite.Insert(0, new Topology { Segments = { [DriverInfo.TopologyKey] = "another" } });
        Assert.Equal(Status.DefaultSuccess, await _driver.StatusOfAsync(request));
    }

    [Fact]
    public async Task Attaching_is_unimplemented_and_not_claimed()
    {
        var capabilities = await CallAsync<ControllerGetCapabilitiesResponse>(new ControllerGetCapabilitiesRequest());
        Assert.DoesNotContain(capabilities.Capabilities, capability => capability.Rpc.Type is Rpc.PublishUnpublishVolume or Rpc.PublishReadonly);
        foreach (Google.Protobuf.IMessage request in (Google.Protobuf.IMessage[])[new ControllerPublishVolumeRequest(), new ControllerUnpublishVolumeRequest()])
        {
            Status status = await _driver.StatusOfAsync(request);
            Assert.Equal(StatusCode.Unimplemented, status.StatusCode);
            Assert.Contains("attachRequired: false", status.Detail, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task An_orchestrator_of_csi_1_12_is_not_told_of_what_it_cannot_know()
    {
        var driver = new DriverInfo(InProcessDriver.NodeId) { ClaimsCsi113 = false };
        var context = new FakeContext("", null, CancellationToken.None);
        var controller = await new Controller.ControllerService(_driver.Storage, driver).ControllerGetCapabilities(new(), context);
        var node = await new Node.NodeService(_driver.Storage, _driver.Storage, driver).NodeGetCapabilities(new(), context);
        // 1.12 ends at GET_SNAPSHOT = 15 and VOLUME_MOUNT_GROUP = 6.
        Assert.Equal(15, controller.Capabilities.Max(capability => (int)capability.Rpc.Type));
        Assert.Equal(6, node.Capabilities.Max(capability => (int)capability.Rpc.Type));
        var current = await CallAsync<ControllerGetCapabilitiesResponse>(new ControllerGetCapabilitiesRequest());
        Assert.Equal(17, current.Capabilities.Max(capability => (int)capability.Rpc.Type));
    }

    [Fact]
    public async Task Copies_are_claimed_only_when_a_pool_can_make_them()
    {
        Rpc[] copies = [Rpc.CreateDeleteSnapshot, Rpc.ListSnapshots, Rpc.CloneVolume, Rpc.GetSnapshot];
        var able = await CallAsync<ControllerGetCapabilitiesResponse>(new ControllerGetCapabilitiesRequest());
        Assert.Empty(copies.Except(able.Capabilities.Select(capability => capability.Rpc.Type)));
        Assert.Single((await CallAsync<GroupControllerGetCapabilitiesResponse>(new GroupControllerGetCapabilitiesRequest())).Capabilities);

        _driver.Storage.SupportsSnapshots = false;
        var unable = await CallAsync<ControllerGetCapabilitiesResponse>(new ControllerGetCapabilitiesRequest());
        Assert.Empty(copies.Intersect(unable.Capabilities.Select(capability => capability.Rpc.Type)));
        Assert.Empty((await CallAsync<GroupControllerGetCapabilitiesResponse>(new GroupControllerGetCapabilitiesRequest())).Capabilities);
    }

    [Fact]
    public async Task Stats_have_bytes_and_inodes()
    {
        var response = await CallAsync<NodeGetVolumeStatsResponse>(ValidRequests.Of<NodeGetVolumeStatsRequest>());
        Assert.Equal(
            [
                new VolumeUsage { Unit = VolumeUsage.Types.Unit.Bytes, Total = 100, Used = 40, Available = 60 },
                new VolumeUsage { Unit = VolumeUsage.Types.Unit.Inodes, Total = 10, Used = 4, Available = 6 },
            ],
            response.Usage);
    }

    [Fact]
    public async Task Health_findings_keep_kind_reason_and_message()
    {
        var health = (await CallAsync<NodeGetVolumeHealthResponse>(ValidRequests.Of<NodeGetVolumeHealthRequest>())).VolumeHealth;
        VolumeHealth.Types.VolumeHealthEntry entry = Assert.Single(health.HealthStatuses);
        Assert.Equal(VolumeHealthErrorType.DataLoss, entry.Status);
        Assert.Equal("MemoryLost", entry.Reason);
        Assert.Contains("delete the volume", entry.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_long_map_of_blocks_comes_in_messages_of_bounded_size()
    {
        IReadOnlyList<Google.Protobuf.IMessage> messages = await _driver.CallAsync(new GetMetadataAllocatedRequest { SnapshotId = FakeStorage.SnapshotId });
        Assert.True(messages.Count > 1);
        Assert.All(messages.Cast<GetMetadataAllocatedResponse>(), message => Assert.InRange(message.BlockMetadata.Count, 1, 1024));
        Assert.Equal(3000, messages.Cast<GetMetadataAllocatedResponse>().Sum(message => message.BlockMetadata.Count));
    }

    [Fact]
    public async Task A_limit_on_results_is_kept()
    {
        IReadOnlyList<Google.Protobuf.IMessage> messages = await _driver.CallAsync(new GetMetadataAllocatedRequest { SnapshotId = FakeStorage.SnapshotId, MaxResults = 7 });
        Assert.All(messages.Cast<GetMetadataAllocatedResponse>(), message => Assert.InRange(message.BlockMetadata.Count, 1, 7));
    }

    [Fact]
    public async Task Snapshots_of_two_volumes_cannot_be_compared()
    {
        Status status = await _driver.StatusOfAsync(new GetMetadataDeltaRequest { BaseSnapshotId = FakeStorage.SnapshotId, TargetSnapshotId = FakeStorage.OtherSnapshotId });
        Assert.Equal(StatusCode.InvalidArgument, status.StatusCode);
        Assert.Contains("compare snapshots of one volume", status.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Expanding_refuses_a_capability_that_the_volume_does_not_have()
    {
        var request = ValidRequests.Of<ControllerExpandVolumeRequest>();
        request.VolumeCapability.Mount.FsType = "xfs";
        Status status = await _driver.StatusOfAsync(request);
        Assert.Equal(StatusCode.InvalidArgument, status.StatusCode);
        Assert.Contains("holds ext4", status.Detail, StringComparison.Ordinal);
        Assert.Empty(_driver.Storage.Changes);
    }

    private async Task<T> CallAsync<T>(Google.Protobuf.IMessage request) => (T)Assert.Single(await _driver.CallAsync(request));
}
