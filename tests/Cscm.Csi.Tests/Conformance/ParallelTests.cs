using System.Diagnostics;
using Csi.V1;
using Cscm.Csi.Tests.Driver;
using Grpc.Core;

namespace Cscm.Csi.Tests.Conformance;

/// <summary>CSI 1.13 on calls in flight: any number on different volumes, one on a volume.</summary>
public sealed class ParallelTests(DriverFixture fixture) : DriverTests(fixture)
{
    /// <summary>Copying this much takes long enough for a second call to arrive meanwhile.</summary>
    private const long LargeBytes = 512 << 20;

    [DriverFact]
    public async Task A_second_call_on_a_volume_in_flight_is_aborted_at_once_and_others_go_on()
    {
        PoolCase pool = PoolCase.Of("block");
        Volume busy = await CreateAsync(pool, LargeBytes);
        Volume idle = await CreateAsync(pool);
        string target = await PublishAsync(pool, busy, await StageAsync(pool, busy));
        Write(pool, target, seed: 1, sizeBytes: 256 << 20);

        CreateVolumeRequest clone = pool.Create(NewName(), LargeBytes);
        clone.VolumeContentSource = new() { Volume = new() { VolumeId = busy.VolumeId } };
        Task<Volume> cloning = RetryAsync(() => CreateAsync(clone));
        bool wasAborted = false;
        int callsOnOthers = 0;
        while (!cloning.IsCompleted)
        {
            long start = Stopwatch.GetTimestamp();
            try
            {
                await Controller.ControllerModifyVolumeAsync(new ControllerModifyVolumeRequest { VolumeId = busy.VolumeId, MutableParameters = { ["erase"] = "none" } });
            }
            catch (RpcException refusal) when (refusal.StatusCode == StatusCode.Aborted)
            {
                wasAborted = true;
                Assert.True(Stopwatch.GetElapsedTime(start) < TimeSpan.FromSeconds(2), "ABORTED must not wait for the call in flight");
            }
            await Controller.ControllerModifyVolumeAsync(new ControllerModifyVolumeRequest { VolumeId = idle.VolumeId, MutableParameters = { ["erase"] = "none" } });
            if (!cloning.IsCompleted)
                callsOnOthers++;
        }
        await cloning;
        Assert.True(wasAborted, "no call was aborted while the volume was being copied");
        Assert.True(callsOnOthers > 0, "no call on another volume was answered while the first was being copied");
    }

    [DriverTheory]
    [MemberData(nameof(PoolCase.All), MemberType = typeof(PoolCase))]
    public async Task Many_calls_of_one_name_make_one_volume(string kind)
    {
        CreateVolumeRequest request = PoolCase.Of(kind).Create(NewName());
        CreateVolumeResponse[] answers = await Task.WhenAll(
            Enumerable.Range(0, 16).Select(_ => RetryAsync(() => Controller.CreateVolumeAsync(request).ResponseAsync)));
        string id = Assert.Single(answers.Select(answer => answer.Volume.VolumeId).Distinct());
        await Controller.DeleteVolumeAsync(new DeleteVolumeRequest { VolumeId = id });
    }

    [DriverTheory]
    [MemberData(nameof(PoolCase.All), MemberType = typeof(PoolCase))]
    public async Task Whole_lives_in_parallel_leave_nothing_behind(string kind)
    {
        PoolCase pool = PoolCase.Of(kind);
        _ = Scratch;
        await Task.WhenAll(Enumerable.Range(0, 8).Select(async index =>
        {
            Volume volume = (await Controller.CreateVolumeAsync(pool.Create(NewName()))).Volume;
            NodeStageVolumeRequest stage = StageRequest(pool, volume);
            await Node.NodeStageVolumeAsync(stage);
            NodePublishVolumeRequest publish = PublishRequest(pool, volume, stage.StagingTargetPath);
            await Node.NodePublishVolumeAsync(publish);
            Write(pool, publish.TargetPath, seed: index, sizeBytes: 1 << 20);
            AssertContent(pool, publish.TargetPath, seed: index, sizeBytes: 1 << 20);
            await UnpublishAsync(volume, publish.TargetPath);
            await UnstageAsync(volume, stage.StagingTargetPath);
            await Controller.DeleteVolumeAsync(new DeleteVolumeRequest { VolumeId = volume.VolumeId });
        }));
        Assert.Empty(Leftovers.Mounts(Scratch));
        Assert.Empty(Leftovers.LoopDevices(Driver.Directory));
    }

    /// <summary>As an orchestrator does: ABORTED means that the call is to be repeated.</summary>
    private static async Task<T> RetryAsync<T>(Func<Task<T>> call)
    {
        while (true)
        {
            try
            {
                return await call();
            }
            catch (RpcException refusal) when (refusal.StatusCode == StatusCode.Aborted)
            {
                await Task.Delay(5);
            }
        }
    }
}
