using Csi.V1;
using Cscm.Csi.Tests.Driver;
using Grpc.Core;
using Mode = Csi.V1.VolumeCapability.Types.AccessMode.Types.Mode;

namespace Cscm.Csi.Tests.Conformance;

/// <summary>CSI 1.13 on staging and publishing, unpublishing and unstaging.</summary>
public sealed class PublishTests(DriverFixture fixture) : DriverTests(fixture)
{
    [DriverTheory]
    [MemberData(nameof(PoolCase.All), MemberType = typeof(PoolCase))]
    public async Task A_whole_life_repeated_call_by_call_leaves_nothing_behind(string kind)
    {
        PoolCase pool = PoolCase.Of(kind);
        Volume volume = await CreateAsync(pool);
        NodeStageVolumeRequest stage = StageRequest(pool, volume);
        await Node.NodeStageVolumeAsync(stage);
        await Node.NodeStageVolumeAsync(stage);
        NodePublishVolumeRequest publish = PublishRequest(pool, volume, stage.StagingTargetPath);
        await Node.NodePublishVolumeAsync(publish);
        await Node.NodePublishVolumeAsync(publish);
        Assert.Single(Leftovers.Mounts(Scratch), mount => mount == publish.TargetPath);
        Write(pool, publish.TargetPath, seed: 1);
        AssertContent(pool, publish.TargetPath, seed: 1);

        await UnpublishAsync(volume, publish.TargetPath);
        Assert.False(Path.Exists(publish.TargetPath), "the specification has the plugin remove the target path");
        await UnpublishAsync(volume, publish.TargetPath);
        await UnstageAsync(volume, stage.StagingTargetPath);
        await UnstageAsync(volume, stage.StagingTargetPath);
        Assert.Empty(Leftovers.Mounts(Scratch));
        await Controller.DeleteVolumeAsync(new DeleteVolumeRequest { VolumeId = volume.VolumeId });
        Assert.Empty(Leftovers.LoopDevices(Driver.Directory));
    }

    [DriverTheory]
    [MemberData(nameof(PoolCase.All), MemberType = typeof(PoolCase))]
    public async Task Content_outlives_its_mounts(string kind)
    {
        PoolCase pool = PoolCase.Of(kind);
        (Volume volume, string staging, string target) = await CreatePublishedAsync(pool);
        Write(pool, target, seed: 2);
        await UnpublishAsync(volume, target);
        await UnstageAsync(volume, staging);
        staging = await StageAsync(pool, volume);
        AssertContent(pool, await PublishAsync(pool, volume, staging), seed: 2);
    }

    [DriverTheory]
    [MemberData(nameof(PoolCase.All), MemberType = typeof(PoolCase))]
    public async Task Two_volumes_do_not_see_one_another(string kind)
    {
        PoolCase pool = PoolCase.Of(kind);
        (_, _, string first) = await CreatePublishedAsync(pool);
        (_, _, string second) = await CreatePublishedAsync(pool);
        Write(pool, first, seed: 3);
        if (pool.IsBlock)
        {
            var head = new byte[1 << 20];
            using FileStream stream = File.OpenRead(second);
            stream.ReadExactly(head);
            Assert.All(head, b => Assert.Equal(0, b));
        }
        else
        {
            Assert.False(Path.Exists(ContentPath(pool, second)));
        }
    }

    [DriverTheory]
    [MemberData(nameof(PoolCase.All), MemberType = typeof(PoolCase))]
    public async Task The_usable_size_is_the_capacity(string kind)
    {
        PoolCase pool = PoolCase.Of(kind);
        (Volume volume, _, string target) = await CreatePublishedAsync(pool);
        NodeGetVolumeStatsResponse stats = await StatsAsync(volume, target);
        VolumeUsage bytes = stats.Usage.Single(usage => usage.Unit == VolumeUsage.Types.Unit.Bytes);
        Assert.True(bytes.Total >= volume.CapacityBytes, $"{bytes.Total} bytes for a capacity of {volume.CapacityBytes}");
        if (pool.IsBlock)
        {
            Assert.Equal(volume.CapacityBytes, DeviceSizeBytes(target));
            return;
        }
        Assert.True(bytes.Available >= volume.CapacityBytes, $"{bytes.Available} bytes available of a capacity of {volume.CapacityBytes}");
        using var file = new FileStream(ContentPath(pool, target), FileMode.Create);
        var chunk = new byte[1 << 20];
        // Rounded down: the file system's own records of a file this large are its own.
        for (long written = 0; written + chunk.Length <= volume.CapacityBytes && written < 16 << 20; written += chunk.Length)
            file.Write(chunk);
        file.Flush(flushToDisk: true);
    }

    [DriverTheory]
    [MemberData(nameof(PoolCase.Mounted), MemberType = typeof(PoolCase))]
    public async Task Stats_count_bytes_and_inodes_as_they_are_used(string kind)
    {
        PoolCase pool = PoolCase.Of(kind);
        (Volume volume, string staging, string target) = await CreatePublishedAsync(pool);
        NodeGetVolumeStatsResponse before = await StatsAsync(volume, target);
        Write(pool, target, seed: 4);
        NodeGetVolumeStatsResponse after = await StatsAsync(volume, target);
        Assert.InRange(Of(after, VolumeUsage.Types.Unit.Bytes).Used - Of(before, VolumeUsage.Types.Unit.Bytes).Used, 3 << 20, 4 << 20);
        Assert.Equal(1, Of(after, VolumeUsage.Types.Unit.Inodes).Used - Of(before, VolumeUsage.Types.Unit.Inodes).Used);
        Assert.All(after.Usage, usage => Assert.True(usage.Total >= usage.Used + usage.Available));
        await StatsAsync(volume, staging);
        await RefusedAsync(StatusCode.NotFound, Node.NodeGetVolumeStatsAsync(new NodeGetVolumeStatsRequest { VolumeId = volume.VolumeId, VolumePath = Scratch }));
        await RefusedAsync(StatusCode.NotFound, Node.NodeGetVolumeStatsAsync(new NodeGetVolumeStatsRequest { VolumeId = volume.VolumeId, VolumePath = target + "-gone" }));

        static VolumeUsage Of(NodeGetVolumeStatsResponse stats, VolumeUsage.Types.Unit unit) => stats.Usage.Single(usage => usage.Unit == unit);
    }

    [DriverTheory]
    [MemberData(nameof(PoolCase.All), MemberType = typeof(PoolCase))]
    public async Task A_read_only_target_cannot_be_written_while_another_can(string kind)
    {
        PoolCase pool = PoolCase.Of(kind);
        (Volume volume, string staging, string writable) = await CreatePublishedAsync(pool);
        Write(pool, writable, seed: 5);
        NodePublishVolumeRequest request = PublishRequest(pool, volume, staging);
        request.Readonly = true;
        string readOnly = await PublishAsync(request);
        AssertContent(pool, readOnly, seed: 5);
        if (pool.IsBlock)
            Assert.ThrowsAny<Exception>(() => Write(pool, readOnly, seed: 6));
        else
            Assert.ThrowsAny<IOException>(() => Write(pool, readOnly, seed: 6));
        Write(pool, writable, seed: 7);
    }

    [DriverTheory]
    [MemberData(nameof(PoolCase.Mounted), MemberType = typeof(PoolCase))]
    public async Task A_reader_only_volume_is_read_only(string kind)
    {
        PoolCase pool = PoolCase.Of(kind);
        Volume volume = await CreateAsync(pool);
        string staging = await StageAsync(pool, volume, capability => capability.AccessMode.Mode = Mode.SingleNodeReaderOnly);
        NodePublishVolumeRequest request = PublishRequest(pool, volume, staging);
        request.VolumeCapability.AccessMode.Mode = Mode.SingleNodeReaderOnly;
        string target = await PublishAsync(request);
        Assert.ThrowsAny<IOException>(() => Write(pool, target, seed: 1));
    }

    [DriverTheory]
    [MemberData(nameof(PoolCase.All), MemberType = typeof(PoolCase))]
    public async Task A_single_writer_has_one_target_and_multi_writers_several(string kind)
    {
        PoolCase pool = PoolCase.Of(kind);
        Volume volume = await CreateAsync(pool);
        string staging = await StageAsync(pool, volume);
        NodePublishVolumeRequest first = PublishRequest(pool, volume, staging);
        first.VolumeCapability.AccessMode.Mode = Mode.SingleNodeSingleWriter;
        await PublishAsync(first);
        await PublishAsync(first);
        NodePublishVolumeRequest second = first.Clone();
        second.TargetPath = NewTargetPath();
        await RefusedAsync(StatusCode.FailedPrecondition, Node.NodePublishVolumeAsync(second), first.TargetPath);
        Assert.False(Path.Exists(second.TargetPath));

        Volume shared = await CreateAsync(pool);
        string sharedStaging = await StageAsync(pool, shared, capability => capability.AccessMode.Mode = Mode.SingleNodeMultiWriter);
        foreach (string name in (string[])["a", "b"])
        {
            NodePublishVolumeRequest request = PublishRequest(pool, shared, sharedStaging, NewTargetPath(name));
            request.VolumeCapability.AccessMode.Mode = Mode.SingleNodeMultiWriter;
            await PublishAsync(request);
        }
    }

    [DriverTheory]
    [MemberData(nameof(PoolCase.All), MemberType = typeof(PoolCase))]
    public async Task A_call_out_of_turn_is_a_failed_precondition(string kind)
    {
        PoolCase pool = PoolCase.Of(kind);
        Volume volume = await CreateAsync(pool);
        await RefusedAsync(StatusCode.FailedPrecondition, Node.NodePublishVolumeAsync(PublishRequest(pool, volume, Path.Combine(Scratch, "nowhere"))), "stage");
        NodePublishVolumeRequest withoutStaging = PublishRequest(pool, volume, "");
        await RefusedAsync(StatusCode.FailedPrecondition, Node.NodePublishVolumeAsync(withoutStaging), "NodeStageVolume");
        string staging = await StageAsync(pool, volume);
        string target = await PublishAsync(pool, volume, staging);
        await RefusedAsync(StatusCode.FailedPrecondition, Controller.DeleteVolumeAsync(new DeleteVolumeRequest { VolumeId = volume.VolumeId }));
        await RefusedAsync(StatusCode.FailedPrecondition, Node.NodeUnstageVolumeAsync(new NodeUnstageVolumeRequest { VolumeId = volume.VolumeId, StagingTargetPath = staging }), target);
        await RefusedAsync(StatusCode.FailedPrecondition, Node.NodeStageVolumeAsync(new NodeStageVolumeRequest
        {
            VolumeId = volume.VolumeId,
            StagingTargetPath = Path.Combine(Scratch, "elsewhere"),
            VolumeCapability = pool.Capability(),
        }), staging);
        await UnpublishAsync(volume, target);
        await RefusedAsync(StatusCode.FailedPrecondition, Controller.DeleteVolumeAsync(new DeleteVolumeRequest { VolumeId = volume.VolumeId }));
    }

    [DriverTheory]
    [MemberData(nameof(PoolCase.All), MemberType = typeof(PoolCase))]
    public async Task A_path_in_use_with_other_options_already_exists(string kind)
    {
        PoolCase pool = PoolCase.Of(kind);
        (Volume volume, string staging, string target) = await CreatePublishedAsync(pool);
        NodePublishVolumeRequest other = PublishRequest(pool, volume, staging, target);
        other.Readonly = true;
        await RefusedAsync(StatusCode.AlreadyExists, Node.NodePublishVolumeAsync(other));
        var stage = new NodeStageVolumeRequest { VolumeId = volume.VolumeId, StagingTargetPath = staging, VolumeCapability = pool.Capability(Mode.SingleNodeReaderOnly) };
        await RefusedAsync(StatusCode.AlreadyExists, Node.NodeStageVolumeAsync(stage));
    }

    [DriverTheory]
    [MemberData(nameof(PoolCase.All), MemberType = typeof(PoolCase))]
    public async Task Capabilities_that_a_volume_does_not_have_are_invalid(string kind)
    {
        PoolCase pool = PoolCase.Of(kind);
        Volume volume = await CreateAsync(pool);
        NodeStageVolumeRequest stage = StageRequest(pool, volume);
        stage.VolumeCapability = (pool.IsBlock ? PoolCase.Of("ext4") : PoolCase.Of("block")).Capability();
        await RefusedAsync(StatusCode.InvalidArgument, Node.NodeStageVolumeAsync(stage), volume.VolumeId);
        if (!pool.IsBlock)
        {
            stage.VolumeCapability = pool.Capability();
            stage.VolumeCapability.Mount.FsType = kind == "ext4" ? "xfs" : "ext4";
            await RefusedAsync(StatusCode.InvalidArgument, Node.NodeStageVolumeAsync(stage), volume.VolumeId);
            stage.VolumeCapability = pool.Capability();
            stage.VolumeCapability.Mount.MountFlags.Add("loop=/etc/passwd");
            await RefusedAsync(StatusCode.InvalidArgument, Node.NodeStageVolumeAsync(stage), "mount flag");
        }
        Assert.Empty(Leftovers.Mounts(Scratch));
    }

    [DriverTheory]
    [MemberData(nameof(PoolCase.All), MemberType = typeof(PoolCase))]
    public async Task A_target_that_is_a_link_or_below_one_is_refused_and_its_end_untouched(string kind)
    {
        PoolCase pool = PoolCase.Of(kind);
        Volume volume = await CreateAsync(pool);
        string staging = await StageAsync(pool, volume);
        string end = Directory.CreateDirectory(Path.Combine(Scratch, "end")).FullName;
        string link = Path.Combine(Scratch, "link");
        File.CreateSymbolicLink(link, end);
        string dangling = Path.Combine(Scratch, "dangling");
        File.CreateSymbolicLink(dangling, Path.Combine(end, "made"));
        foreach (string target in (string[])[link, Path.Combine(link, "target"), dangling])
        {
            var refusal = await Assert.ThrowsAsync<RpcException>(() => Node.NodePublishVolumeAsync(PublishRequest(pool, volume, staging, target)).ResponseAsync);
            Assert.Contains(refusal.StatusCode, (StatusCode[])[StatusCode.InvalidArgument, StatusCode.FailedPrecondition]);
            Assert.Contains("link", refusal.Status.Detail, StringComparison.Ordinal);
        }
        Assert.Empty(Directory.EnumerateFileSystemEntries(end));
        Assert.DoesNotContain(Leftovers.Mounts(Scratch), mount => mount != staging);
    }

    [DriverTheory]
    [MemberData(nameof(PoolCase.All), MemberType = typeof(PoolCase))]
    public async Task A_target_of_the_wrong_kind_or_in_use_is_refused_and_left_as_it_was(string kind)
    {
        PoolCase pool = PoolCase.Of(kind);
        Volume volume = await CreateAsync(pool);
        string staging = await StageAsync(pool, volume);
        string file = Path.Combine(Scratch, "file");
        File.WriteAllText(file, "mine");
        string full = Directory.CreateDirectory(Path.Combine(Scratch, "full")).FullName;
        File.WriteAllText(Path.Combine(full, "mine"), "mine");
        await RefusedAsync(pool.IsBlock ? StatusCode.InvalidArgument : StatusCode.FailedPrecondition, Node.NodePublishVolumeAsync(PublishRequest(pool, volume, staging, full)));
        if (!pool.IsBlock)
            await RefusedAsync(StatusCode.InvalidArgument, Node.NodePublishVolumeAsync(PublishRequest(pool, volume, staging, file)));
        await RefusedAsync(StatusCode.FailedPrecondition, Node.NodePublishVolumeAsync(PublishRequest(pool, volume, staging, Path.Combine(Scratch, "no", "parent"))), "parent");

        string foreign = Directory.CreateDirectory(Path.Combine(Scratch, "foreign")).FullName;
        Assert.Empty(Leftovers.Run("mount", "-t", "tmpfs", "none", foreign));
        await RefusedAsync(StatusCode.FailedPrecondition, Node.NodePublishVolumeAsync(PublishRequest(pool, volume, staging, foreign)), "mounted");
        await UnpublishAsync(volume, foreign);
        Assert.Contains(foreign, Leftovers.Mounts(Scratch));
        Assert.Equal("mine", File.ReadAllText(file));
        Assert.Equal("mine", File.ReadAllText(Path.Combine(full, "mine")));
    }

    [DriverTheory]
    [MemberData(nameof(PoolCase.Mounted), MemberType = typeof(PoolCase))]
    public async Task The_mount_group_owns_the_root_of_the_volume(string kind)
    {
        PoolCase pool = PoolCase.Of(kind);
        Volume volume = await CreateAsync(pool);
        string staging = await StageAsync(pool, volume, capability => capability.Mount.VolumeMountGroup = "4321");
        NodePublishVolumeRequest request = PublishRequest(pool, volume, staging);
        request.VolumeCapability.Mount.VolumeMountGroup = "4321";
        string target = await PublishAsync(request);
        Assert.Matches("^4321 drwxrws", Leftovers.Run("stat", "-c", "%g %A", target));
    }

    [DriverTheory]
    [MemberData(nameof(PoolCase.Mounted), MemberType = typeof(PoolCase))]
    public async Task Mount_flags_take_effect(string kind)
    {
        PoolCase pool = PoolCase.Of(kind);
        Volume volume = await CreateAsync(pool);
        string staging = await StageAsync(pool, volume, capability => capability.Mount.MountFlags.Add(["noatime", "noexec"]));
        NodePublishVolumeRequest request = PublishRequest(pool, volume, staging);
        request.VolumeCapability.Mount.MountFlags.Add(["noatime", "noexec"]);
        string target = await PublishAsync(request);
        string options = File.ReadLines("/proc/self/mountinfo").Single(line => line.Split(' ')[4] == target).Split(' ')[5];
        Assert.Contains("noatime", options, StringComparison.Ordinal);
        Assert.Contains("noexec", options, StringComparison.Ordinal);
    }

    [DriverTheory]
    [InlineData("ext4")]
    [InlineData("xfs")]
    [InlineData("dram")]
    public async Task An_inline_volume_lives_from_publish_to_unpublish(string kind)
    {
        PoolCase pool = PoolCase.Of(kind);
        string id = "csi-" + Guid.NewGuid().ToString("N");
        var request = new NodePublishVolumeRequest
        {
            VolumeId = id,
            TargetPath = NewTargetPath(),
            VolumeCapability = pool.Capability(),
            VolumeContext = { ["csi.storage.k8s.io/ephemeral"] = "true", ["size"] = "16Mi", ["pool"] = pool.Pool },
        };
        request.VolumeCapability.Mount.FsType = "";
        await Node.NodePublishVolumeAsync(request);
        await Node.NodePublishVolumeAsync(request);
        Write(pool, request.TargetPath, seed: 8);
        Assert.NotEmpty((await StatsAsync(new Volume { VolumeId = id }, request.TargetPath)).Usage);
        Assert.DoesNotContain(id, await ListVolumeIdsAsync());
        await UnpublishAsync(new Volume { VolumeId = id }, request.TargetPath);
        await UnpublishAsync(new Volume { VolumeId = id }, request.TargetPath);
        Assert.False(Path.Exists(request.TargetPath));
        Assert.Empty(Leftovers.Mounts(Scratch));

        await Node.NodePublishVolumeAsync(request);
        Assert.False(Path.Exists(ContentPath(pool, request.TargetPath)), "an inline volume begins empty");
        await UnpublishAsync(new Volume { VolumeId = id }, request.TargetPath);
    }

    [DriverTheory]
    [MemberData(nameof(PoolCase.Mounted), MemberType = typeof(PoolCase))]
    public async Task A_mount_that_someone_else_took_away_is_a_finding_and_is_put_back(string kind)
    {
        PoolCase pool = PoolCase.Of(kind);
        (Volume volume, string staging, string target) = await CreatePublishedAsync(pool);
        var question = new NodeGetVolumeHealthRequest { VolumeId = volume.VolumeId, VolumePublishPath = target, StagingTargetPath = staging };
        Assert.Empty((await Node.NodeGetVolumeHealthAsync(question)).VolumeHealth.HealthStatuses);
        Assert.Empty(Leftovers.Run("umount", target));
        VolumeHealth.Types.VolumeHealthEntry finding = Assert.Single((await Node.NodeGetVolumeHealthAsync(question)).VolumeHealth.HealthStatuses);
        Assert.Matches("^[A-Z][A-Za-z]+$", finding.Reason);
        await Node.NodePublishVolumeAsync(PublishRequest(pool, volume, staging, target));
        Assert.Empty((await Node.NodeGetVolumeHealthAsync(question)).VolumeHealth.HealthStatuses);
    }

    private async Task<NodeGetVolumeStatsResponse> StatsAsync(Volume volume, string path)
        => await Node.NodeGetVolumeStatsAsync(new NodeGetVolumeStatsRequest { VolumeId = volume.VolumeId, VolumePath = path });
}
