using Csi.V1;
using Grpc.Core;

namespace Cscm.Csi.Tests.Conformance;

/// <summary>CSI 1.13 on growing volumes.</summary>
public sealed class ExpandTests(DriverFixture fixture) : DriverTests(fixture)
{
    [DriverTheory]
    [InlineData("xfs")]
    [InlineData("block")]
    [InlineData("dram")]
    public Task A_published_volume_grows_in_use_with_its_content(string kind) => GrowInUseAsync(kind);

    [SysResourceFact(isNeeded: true)]
    public Task A_published_ext4_volume_grows_in_use_with_its_content() => GrowInUseAsync("ext4");

    [SysResourceFact(isNeeded: false)]
    public async Task An_ext4_volume_that_cannot_grow_in_use_says_so_and_grows_when_staged_again()
    {
        PoolCase pool = PoolCase.Of("ext4");
        (Volume volume, string staging, string target) = await CreatePublishedAsync(pool);
        Write(pool, target, seed: 3);
        long wanted = volume.CapacityBytes + (32 << 20);
        ControllerExpandVolumeResponse response = await ExpandAsync(volume, wanted);
        Assert.True(response.NodeExpansionRequired);
        await RefusedAsync(
            StatusCode.FailedPrecondition,
            Node.NodeExpandVolumeAsync(new NodeExpandVolumeRequest { VolumeId = volume.VolumeId, VolumePath = target }),
            "unstage and stage the volume");
        AssertContent(pool, target, seed: 3);
        await UnpublishAsync(volume, target);
        await UnstageAsync(volume, staging);
        target = await PublishAsync(pool, volume, await StageAsync(pool, volume));
        AssertContent(pool, target, seed: 3);
        Assert.True(await UsableAsync(volume, target) >= wanted);
    }

    private async Task GrowInUseAsync(string kind)
    {
        PoolCase pool = PoolCase.Of(kind);
        (Volume volume, _, string target) = await CreatePublishedAsync(pool);
        Write(pool, target, seed: 1);
        long wanted = volume.CapacityBytes + (32 << 20);
        await GrowAsync(volume, target, wanted);
        await GrowAsync(volume, target, wanted);
        AssertContent(pool, target, seed: 1);
        if (pool.IsBlock)
        {
            Assert.Equal(wanted, DeviceSizeBytes(target));
        }
        else
        {
            Assert.True(await UsableAsync(volume, target) >= wanted);
            Write(pool, target, seed: 2, sizeBytes: 24 << 20);
            AssertContent(pool, target, seed: 2, sizeBytes: 24 << 20);
        }
        Assert.Equal(wanted, (await Controller.ControllerGetVolumeAsync(new ControllerGetVolumeRequest { VolumeId = volume.VolumeId })).Volume.CapacityBytes);
    }

    [DriverTheory]
    [MemberData(nameof(PoolCase.All), MemberType = typeof(PoolCase))]
    public async Task A_volume_at_rest_grows_and_has_its_size_when_next_used(string kind)
    {
        PoolCase pool = PoolCase.Of(kind);
        Volume volume = await CreateAsync(pool);
        long wanted = volume.CapacityBytes * 2;
        await Controller.ControllerExpandVolumeAsync(new ControllerExpandVolumeRequest { VolumeId = volume.VolumeId, CapacityRange = new() { RequiredBytes = wanted } });
        string staging = await StageAsync(pool, volume);
        string target = await PublishAsync(pool, volume, staging);
        await Node.NodeExpandVolumeAsync(new NodeExpandVolumeRequest { VolumeId = volume.VolumeId, VolumePath = target, StagingTargetPath = staging });
        Assert.True(await UsableAsync(volume, target) >= wanted);
    }

    [DriverTheory]
    [MemberData(nameof(PoolCase.All), MemberType = typeof(PoolCase))]
    public async Task A_volume_never_shrinks_and_keeps_to_the_limit(string kind)
    {
        PoolCase pool = PoolCase.Of(kind);
        Volume volume = await CreateAsync(pool);
        ControllerExpandVolumeResponse smaller = await ExpandAsync(volume, volume.CapacityBytes / 2);
        Assert.Equal(volume.CapacityBytes, smaller.CapacityBytes);
        await RefusedAsync(StatusCode.OutOfRange, Controller.ControllerExpandVolumeAsync(new ControllerExpandVolumeRequest
        {
            VolumeId = volume.VolumeId,
            CapacityRange = new() { RequiredBytes = 1, LimitBytes = volume.CapacityBytes - 1 },
        }));
        await RefusedAsync(StatusCode.OutOfRange, Controller.ControllerExpandVolumeAsync(new ControllerExpandVolumeRequest
        {
            VolumeId = volume.VolumeId,
            CapacityRange = new() { RequiredBytes = long.MaxValue },
        }));
        var refusal = await Assert.ThrowsAsync<RpcException>(() => ExpandAsync(volume, PoolCase.PoolSizeBytes * 2));
        Assert.Contains(refusal.StatusCode, (StatusCode[])[StatusCode.OutOfRange, StatusCode.ResourceExhausted]);
        Assert.Equal(volume.CapacityBytes, (await Controller.ControllerGetVolumeAsync(new ControllerGetVolumeRequest { VolumeId = volume.VolumeId })).Volume.CapacityBytes);
    }

    private async Task GrowAsync(Volume volume, string path, long wanted)
    {
        ControllerExpandVolumeResponse response = await ExpandAsync(volume, wanted);
        Assert.Equal(wanted, response.CapacityBytes);
        if (response.NodeExpansionRequired)
            await Node.NodeExpandVolumeAsync(new NodeExpandVolumeRequest { VolumeId = volume.VolumeId, VolumePath = path, CapacityRange = new() { RequiredBytes = wanted } });
    }

    private async Task<ControllerExpandVolumeResponse> ExpandAsync(Volume volume, long requiredBytes)
        => await Controller.ControllerExpandVolumeAsync(new ControllerExpandVolumeRequest { VolumeId = volume.VolumeId, CapacityRange = new() { RequiredBytes = requiredBytes } });

    private async Task<long> UsableAsync(Volume volume, string path)
        => (await Node.NodeGetVolumeStatsAsync(new NodeGetVolumeStatsRequest { VolumeId = volume.VolumeId, VolumePath = path })).Usage[0].Total;
}
