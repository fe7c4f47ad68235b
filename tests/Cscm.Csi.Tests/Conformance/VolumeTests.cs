using Csi.V1;
using Cscm.Csi.Tests.Driver;
using Grpc.Core;
using Mode = Csi.V1.VolumeCapability.Types.AccessMode.Types.Mode;

namespace Cscm.Csi.Tests.Conformance;

/// <summary>CSI 1.13 on creating, deleting, listing and describing volumes.</summary>
public sealed class VolumeTests(DriverFixture fixture) : DriverTests(fixture)
{
    [DriverTheory]
    [MemberData(nameof(PoolCase.All), MemberType = typeof(PoolCase))]
    public async Task Creating_the_same_volume_twice_gives_the_same_volume(string kind)
    {
        CreateVolumeRequest request = PoolCase.Of(kind).Create(NewName());
        Volume first = await CreateAsync(request);
        Assert.Equal(first, await CreateAsync(request));
        Assert.Single(await ListVolumeIdsAsync(), id => id == first.VolumeId);
    }

    [DriverTheory]
    [MemberData(nameof(PoolCase.All), MemberType = typeof(PoolCase))]
    public async Task A_name_that_is_taken_by_an_incompatible_volume_already_exists(string kind)
    {
        PoolCase pool = PoolCase.Of(kind);
        Volume volume = await CreateAsync(pool);
        string name = NewName();
        Volume taken = await CreateAsync(pool.Create(name));
        await RefusedAsync(StatusCode.AlreadyExists, Controller.CreateVolumeAsync(pool.Create(name, taken.CapacityBytes * 4)));
        await RefusedAsync(StatusCode.AlreadyExists, Controller.CreateVolumeAsync(pool.Create(name, 1, taken.CapacityBytes - 1)));
        CreateVolumeRequest other = pool.Create(name);
        other.VolumeCapabilities.Clear();
        other.VolumeCapabilities.Add((pool.IsBlock ? PoolCase.Of("ext4") : PoolCase.Of("block")).Capability());
        await RefusedAsync(StatusCode.AlreadyExists, Controller.CreateVolumeAsync(other));
        Assert.Contains(volume.VolumeId, await ListVolumeIdsAsync());
    }

    [DriverTheory]
    [MemberData(nameof(PoolCase.All), MemberType = typeof(PoolCase))]
    public async Task A_volume_is_at_least_as_large_as_required_and_never_larger_than_the_limit(string kind)
    {
        PoolCase pool = PoolCase.Of(kind);
        long least = (await CreateAsync(pool, 1)).CapacityBytes;
        Volume volume = await CreateAsync(pool.Create(NewName(), least + 1, least + (4 << 20)));
        Assert.InRange(volume.CapacityBytes, least + 1, least + (4 << 20));
        Assert.Equal(0, volume.CapacityBytes % (2 << 20));
        await RefusedAsync(StatusCode.OutOfRange, Controller.CreateVolumeAsync(pool.Create(NewName(), least + 1, least + 2)), "limit");
        await RefusedAsync(StatusCode.OutOfRange, Controller.CreateVolumeAsync(pool.Create(NewName(), 0, 4096)), "limit");
        await RefusedAsync(StatusCode.OutOfRange, Controller.CreateVolumeAsync(pool.Create(NewName(), long.MaxValue)));
    }

    [DriverTheory]
    [MemberData(nameof(PoolCase.All), MemberType = typeof(PoolCase))]
    public async Task A_volume_tells_where_it_is_reachable_and_where_it_came_from(string kind)
    {
        PoolCase pool = PoolCase.Of(kind);
        Volume volume = await CreateAsync(pool);
        Assert.Equal(DriverProcess.NodeId, Assert.Single(volume.AccessibleTopology).Segments[DriverInfo.TopologyKey]);
        Assert.Equal(pool.Pool, volume.VolumeContext["pool"]);
        Assert.Null(volume.ContentSource);
        NodeGetInfoResponse node = await Node.NodeGetInfoAsync(new NodeGetInfoRequest());
        Assert.Equal(node.AccessibleTopology, volume.AccessibleTopology[0]);
        Assert.Equal(DriverProcess.NodeId, node.NodeId);
        Assert.True(node.MaxVolumesPerNode > 0);
        Assert.Equal(volume, (await Controller.ControllerGetVolumeAsync(new ControllerGetVolumeRequest { VolumeId = volume.VolumeId })).Volume);
    }

    [DriverTheory]
    [MemberData(nameof(PoolCase.All), MemberType = typeof(PoolCase))]
    public async Task Deleting_is_idempotent_and_gives_the_space_back(string kind)
    {
        PoolCase pool = PoolCase.Of(kind);
        long before = (await CapacityAsync(pool)).AvailableCapacity;
        Volume volume = await CreateAsync(pool);
        Assert.True((await CapacityAsync(pool)).AvailableCapacity < before);
        await Controller.DeleteVolumeAsync(new DeleteVolumeRequest { VolumeId = volume.VolumeId });
        await Controller.DeleteVolumeAsync(new DeleteVolumeRequest { VolumeId = volume.VolumeId });
        Assert.DoesNotContain(volume.VolumeId, await ListVolumeIdsAsync());
        await RefusedAsync(StatusCode.NotFound, Controller.ControllerGetVolumeAsync(new ControllerGetVolumeRequest { VolumeId = volume.VolumeId }));
        // Space comes back when it is clean, which may take a moment.
        for (int i = 0; i < 100 && (await CapacityAsync(pool)).AvailableCapacity < before; i++)
            await Task.Delay(50);
        Assert.Equal(before, (await CapacityAsync(pool)).AvailableCapacity);
    }

    [DriverTheory]
    [InlineData("unknown")]
    [InlineData("../../etc/passwd")]
    [InlineData("/etc/passwd")]
    [InlineData("vol-$(reboot)")]
    [InlineData("vol-00000000000000000000000000000000")]
    public async Task Ids_that_no_volume_has_are_not_found_and_deleting_them_succeeds(string id)
    {
        PoolCase pool = PoolCase.Of("ext4");
        await Controller.DeleteVolumeAsync(new DeleteVolumeRequest { VolumeId = id });
        await Controller.DeleteSnapshotAsync(new DeleteSnapshotRequest { SnapshotId = id });
        await RefusedAsync(StatusCode.NotFound, Controller.ControllerGetVolumeAsync(new ControllerGetVolumeRequest { VolumeId = id }));
        await RefusedAsync(StatusCode.NotFound, Controller.ControllerExpandVolumeAsync(new ControllerExpandVolumeRequest { VolumeId = id, CapacityRange = new() { RequiredBytes = 1 } }));
        await RefusedAsync(StatusCode.NotFound, Controller.ControllerModifyVolumeAsync(new ControllerModifyVolumeRequest { VolumeId = id, MutableParameters = { ["erase"] = "none" } }));
        await RefusedAsync(StatusCode.NotFound, Controller.ValidateVolumeCapabilitiesAsync(new ValidateVolumeCapabilitiesRequest { VolumeId = id, VolumeCapabilities = { pool.Capability() } }));
        await RefusedAsync(StatusCode.NotFound, Controller.ControllerGetVolumeHealthAsync(new ControllerGetVolumeHealthRequest { VolumeId = id }));
        await RefusedAsync(StatusCode.NotFound, Controller.CreateSnapshotAsync(new CreateSnapshotRequest { Name = NewName(), SourceVolumeId = id }));
        await RefusedAsync(StatusCode.NotFound, Controller.GetSnapshotAsync(new GetSnapshotRequest { SnapshotId = id }));
        var volume = new Volume { VolumeId = id };
        await RefusedAsync(StatusCode.NotFound, Node.NodeGetVolumeStatsAsync(new NodeGetVolumeStatsRequest { VolumeId = id, VolumePath = Scratch }));
        await RefusedAsync(StatusCode.NotFound, Node.NodeExpandVolumeAsync(new NodeExpandVolumeRequest { VolumeId = id, VolumePath = Scratch }));
        await RefusedAsync(StatusCode.NotFound, Node.NodeGetVolumeHealthAsync(new NodeGetVolumeHealthRequest { VolumeId = id }));
        await RefusedAsync(StatusCode.NotFound, Node.NodePublishVolumeAsync(PublishRequest(pool, volume, Scratch)));
        await RefusedAsync(StatusCode.NotFound, Node.NodeStageVolumeAsync(new NodeStageVolumeRequest { VolumeId = id, StagingTargetPath = Scratch, VolumeCapability = pool.Capability() }));
    }

    [DriverTheory]
    [InlineData("a; touch /tmp/cscm-was-here #")]
    [InlineData("$(touch /tmp/cscm-was-here)")]
    [InlineData("../../../tmp/cscm-was-here")]
    [InlineData("/tmp/cscm-was-here")]
    [InlineData("name with\na line break")]
    [InlineData("名前-é")]
    public async Task A_name_is_only_a_name(string name)
    {
        Volume volume = await CreateAsync(PoolCase.Of("ext4").Create(name));
        Assert.Equal(volume, await CreateAsync(PoolCase.Of("ext4").Create(name)));
        Assert.DoesNotContain("was-here", volume.VolumeId, StringComparison.Ordinal);
        Assert.False(File.Exists("/tmp/cscm-was-here"));
    }

    [DriverFact]
    public async Task Pages_of_a_list_join_to_the_whole_and_a_deleted_entry_does_not_break_the_token()
    {
        for (int i = 0; i < 5; i++)
            await CreateAsync(PoolCase.Of("dram"));
        List<string> read = [];
        string token = "";
        do
        {
            ListVolumesResponse page = await Controller.ListVolumesAsync(new ListVolumesRequest { MaxEntries = 2, StartingToken = token });
            Assert.InRange(page.Entries.Count, 1, 2);
            read.AddRange(page.Entries.Select(entry => entry.Volume.VolumeId));
            token = page.NextToken;
            if (read.Count == 2)
                await Controller.DeleteVolumeAsync(new DeleteVolumeRequest { VolumeId = read[1] });
        }
        while (token.Length > 0);
        Assert.Equal(read.Count, read.Distinct().Count());
        Assert.Equal((await ListVolumeIdsAsync()).Append(read[1]).Order(StringComparer.Ordinal), read.Order(StringComparer.Ordinal));
        await RefusedAsync(StatusCode.Aborted, Controller.ListVolumesAsync(new ListVolumesRequest { StartingToken = "invented" }));
    }

    [DriverTheory]
    [MemberData(nameof(PoolCase.All), MemberType = typeof(PoolCase))]
    public async Task The_largest_volume_that_capacity_promises_can_be_made_and_a_larger_one_cannot(string kind)
    {
        PoolCase pool = PoolCase.Of(kind);
        // File pools reserve their space, so a small one keeps the test quick.
        PoolCase probed = kind is "ext4" or "block" ? pool with { Pool = "tiny" } : pool;
        GetCapacityResponse capacity = await CapacityAsync(probed);
        long largest = capacity.MaximumVolumeSize ?? 0;
        Assert.InRange(largest, 1, capacity.AvailableCapacity);
        Assert.True(capacity.MinimumVolumeSize <= largest);
        await RefusedAsync(StatusCode.ResourceExhausted, Controller.CreateVolumeAsync(probed.Create(NewName(), largest + 1)));
        Volume volume = await CreateAsync(probed.Create(NewName(), largest, largest));
        Assert.Equal(largest, volume.CapacityBytes);
        await RefusedAsync(StatusCode.ResourceExhausted, Controller.CreateVolumeAsync(probed.Create(NewName(), largest)));
    }

    [DriverFact]
    public async Task Capacity_is_that_of_what_is_asked_for()
    {
        GetCapacityResponse all = await Controller.GetCapacityAsync(new GetCapacityRequest());
        GetCapacityResponse one = await CapacityAsync(PoolCase.Of("ext4"));
        Assert.True(all.AvailableCapacity > one.AvailableCapacity);
        GetCapacityResponse blockOfMemory = await Controller.GetCapacityAsync(
            new GetCapacityRequest { Parameters = { ["pool"] = "dram" }, VolumeCapabilities = { PoolCase.Of("block").Capability() } });
        Assert.Equal(0, blockOfMemory.AvailableCapacity);
        var elsewhere = new GetCapacityRequest { AccessibleTopology = new() { Segments = { [DriverInfo.TopologyKey] = "another" } } };
        Assert.Equal(0, (await Controller.GetCapacityAsync(elsewhere)).AvailableCapacity);
        await RefusedAsync(StatusCode.InvalidArgument, Controller.GetCapacityAsync(new GetCapacityRequest { Parameters = { ["pool"] = "missing" } }), "missing");
    }

    [DriverFact]
    public async Task A_volume_cannot_be_made_on_another_node()
    {
        CreateVolumeRequest request = PoolCase.Of("ext4").Create(NewName());
        request.AccessibilityRequirements = new() { Requisite = { new Topology { Segments = { [DriverInfo.TopologyKey] = "another" } } } };
        await RefusedAsync(StatusCode.ResourceExhausted, Controller.CreateVolumeAsync(request), "WaitForFirstConsumer");
        request.AccessibilityRequirements.Requisite.Add(new Topology { Segments = { [DriverInfo.TopologyKey] = DriverProcess.NodeId } });
        await CreateAsync(request);
    }

    [DriverTheory]
    [InlineData("pool", "missing")]
    [InlineData("pool", "../ext4")]
    [InlineData("dax", "maybe")]
    [InlineData("unknown", "1")]
    public async Task Parameters_that_cannot_be_are_invalid_and_make_nothing(string key, string value)
    {
        IReadOnlyList<string> before = await ListVolumeIdsAsync();
        CreateVolumeRequest request = PoolCase.Of("ext4").Create(NewName());
        request.Parameters[key] = value;
        await RefusedAsync(StatusCode.InvalidArgument, Controller.CreateVolumeAsync(request));
        Assert.Equal(before, await ListVolumeIdsAsync());
    }

    [DriverFact]
    public async Task A_file_system_that_no_pool_makes_is_invalid()
    {
        CreateVolumeRequest request = PoolCase.Of("ext4").Create(NewName());
        request.VolumeCapabilities[0].Mount.FsType = "ntfs; reboot";
        await RefusedAsync(StatusCode.InvalidArgument, Controller.CreateVolumeAsync(request));
    }

    [DriverFact]
    public async Task Direct_access_that_an_image_file_cannot_give_is_refused_with_the_reason()
    {
        CreateVolumeRequest request = PoolCase.Of("ext4").Create(NewName());
        request.Parameters["dax"] = "required";
        try
        {
            Volume volume = await CreateAsync(request);
            await RefusedAsync(StatusCode.FailedPrecondition, Node.NodeStageVolumeAsync(StageRequest(PoolCase.Of("ext4"), volume)), "dax");
        }
        catch (RpcException refusal) when (refusal.StatusCode is StatusCode.FailedPrecondition or StatusCode.InvalidArgument)
        {
            Assert.Contains("dax", refusal.Status.Detail, StringComparison.OrdinalIgnoreCase);
        }
    }

    [DriverTheory]
    [MemberData(nameof(PoolCase.All), MemberType = typeof(PoolCase))]
    public async Task Capabilities_are_confirmed_when_the_volume_has_them_and_explained_when_not(string kind)
    {
        PoolCase pool = PoolCase.Of(kind);
        Volume volume = await CreateAsync(pool);
        var request = new ValidateVolumeCapabilitiesRequest
        {
            VolumeId = volume.VolumeId,
            VolumeContext = { volume.VolumeContext },
            VolumeCapabilities = { SupportedModes.Select(mode => pool.Capability(mode)) },
            Parameters = { ["pool"] = pool.Pool },
        };
        Assert.Equal(request.VolumeCapabilities, (await Controller.ValidateVolumeCapabilitiesAsync(request)).Confirmed.VolumeCapabilities);

        request.VolumeCapabilities.Add(pool.Capability(Mode.MultiNodeMultiWriter));
        ValidateVolumeCapabilitiesResponse refused = await Controller.ValidateVolumeCapabilitiesAsync(request);
        Assert.Null(refused.Confirmed);
        Assert.NotEmpty(refused.Message);

        request.VolumeCapabilities.Clear();
        request.VolumeCapabilities.Add((pool.IsBlock ? PoolCase.Of("ext4") : PoolCase.Of("block")).Capability());
        Assert.Null((await Controller.ValidateVolumeCapabilitiesAsync(request)).Confirmed);
    }

    [DriverTheory]
    [MemberData(nameof(PoolCase.All), MemberType = typeof(PoolCase))]
    public async Task Settings_can_be_modified_again_and_again_and_only_those_that_exist(string kind)
    {
        Volume volume = await CreateAsync(PoolCase.Of(kind));
        var request = new ControllerModifyVolumeRequest { VolumeId = volume.VolumeId, MutableParameters = { ["erase"] = "none" } };
        await Controller.ControllerModifyVolumeAsync(request);
        await Controller.ControllerModifyVolumeAsync(request);
        request.MutableParameters["color"] = "red";
        await RefusedAsync(StatusCode.InvalidArgument, Controller.ControllerModifyVolumeAsync(request), "color");
        if (kind == "dram")
            await Controller.ControllerModifyVolumeAsync(new ControllerModifyVolumeRequest { VolumeId = volume.VolumeId, MutableParameters = { ["hugePages"] = "always" } });
    }

    [DriverTheory]
    [MemberData(nameof(PoolCase.All), MemberType = typeof(PoolCase))]
    public async Task A_volume_that_is_well_has_no_findings(string kind)
    {
        Volume volume = await CreateAsync(PoolCase.Of(kind));
        Assert.Empty((await Controller.ControllerGetVolumeHealthAsync(new ControllerGetVolumeHealthRequest { VolumeId = volume.VolumeId })).VolumeHealth.HealthStatuses);
        ControllerListVolumeHealthResponse list = await Controller.ControllerListVolumeHealthAsync(new ControllerListVolumeHealthRequest());
        Assert.Contains(list.Entries, entry => entry.VolumeId == volume.VolumeId && entry.HealthStatuses.Count == 0);
        Assert.Empty((await Node.NodeGetStorageHealthAsync(new NodeGetStorageHealthRequest())).BackendHealth);
    }

    [DriverFact]
    public async Task What_the_plugin_claims_it_is()
    {
        GetPluginInfoResponse plugin = await Driver.Client.Identity.GetPluginInfoAsync(new GetPluginInfoRequest());
        Assert.Matches("^[a-z0-9][a-z0-9.-]{0,61}[a-z0-9]$", plugin.Name);
        Assert.NotEmpty(plugin.VendorVersion);
        GetPluginCapabilitiesResponse capabilities = await Driver.Client.Identity.GetPluginCapabilitiesAsync(new GetPluginCapabilitiesRequest());
        Assert.Contains(capabilities.Capabilities, capability => capability.Service?.Type == PluginCapability.Types.Service.Types.Type.ControllerService);
        Assert.Contains(capabilities.Capabilities, capability => capability.VolumeExpansion?.Type == PluginCapability.Types.VolumeExpansion.Types.Type.Online);
    }

    private async Task<GetCapacityResponse> CapacityAsync(PoolCase pool)
        => await Controller.GetCapacityAsync(new GetCapacityRequest { Parameters = { ["pool"] = pool.Pool }, VolumeCapabilities = { pool.Capability() } });
}
