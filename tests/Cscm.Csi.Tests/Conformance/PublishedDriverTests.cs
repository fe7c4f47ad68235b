using System.Reflection;
using Csi.V1;
using Cscm.Csi.Tests.Driver;
using Cscm.Csi.Tests.Services;
using Google.Protobuf;
using Grpc.Core;
using Mode = Csi.V1.VolumeCapability.Types.AccessMode.Types.Mode;

namespace Cscm.Csi.Tests.Conformance;

/// <summary>Trimming and compiling ahead take nothing away that a call needs, and keep the driver small.</summary>
public sealed class PublishedDriverTests(PublishedDriver published) : IClassFixture<PublishedDriver>
{
    private const long MemoryLimitBytes = 60_000_000;

    /// <summary>What is left of 56 MB when the files' pages that only the start touched are unmapped.</summary>
    private const long RestingLimitBytes = 40_000_000;

    private CsiClient Client => published.Driver.Client;

    [DriverFact]
    public async Task Every_rpc_is_answered_with_a_code_that_says_something()
    {
        foreach (IMessage request in ValidRequests.All)
        {
            (StatusCode code, string detail) = await CallAsync(request);
            Assert.False(
                code is StatusCode.Internal or StatusCode.Unknown or StatusCode.Unavailable or StatusCode.Unimplemented,
                $"{request.Descriptor.Name}: {code} {detail}\n{published.Driver.Log}");
        }
    }

    [DriverFact]
    public async Task A_few_hundred_calls_on_every_kind_of_volume_work_in_little_memory()
    {
        string scratch = Directory.CreateTempSubdirectory("cscm-test-").FullName;
        try
        {
            for (int round = 0; round < 5; round++)
            {
                foreach (string kind in (string[])["ext4", "xfs", "block", "dram"])
                    await LiveAsync(PoolCase.Of(kind), Path.Combine(scratch, $"{kind}-{round}"));
            }
            for (int i = 0; i < 200; i++)
                await Client.Controller.ListVolumesAsync(new ListVolumesRequest());
        }
        finally
        {
            Leftovers.Remove(scratch);
        }
        await SettlesBelowAsync(MemoryLimitBytes);
    }

    [DriverFact]
    public async Task A_resting_driver_unmaps_what_it_does_not_need_and_answers_as_before()
    {
        await Client.Identity.ProbeAsync(new ProbeRequest());
        await SettlesBelowAsync(RestingLimitBytes);
        await Every_rpc_is_answered_with_a_code_that_says_something();
    }

    private async Task SettlesBelowAsync(long limitBytes)
    {
        for (int i = 0; i < 100 && published.Driver.ResidentSizeBytes >= limitBytes; i++)
            await Task.Delay(100);
        Assert.InRange(published.Driver.ResidentSizeBytes, 1, limitBytes);
    }

    private async Task LiveAsync(PoolCase pool, string path)
    {
        string name = Path.GetFileName(path) + Guid.NewGuid().ToString("N");
        Directory.CreateDirectory(path);
        string staging = Directory.CreateDirectory(Path.Combine(path, "staging")).FullName;
        string target = Path.Combine(path, "target");
        VolumeCapability capability = pool.Capability(Mode.SingleNodeWriter);
        Volume volume = (await Client.Controller.CreateVolumeAsync(pool.Create(name))).Volume;
        await Client.Node.NodeStageVolumeAsync(new NodeStageVolumeRequest { VolumeId = volume.VolumeId, StagingTargetPath = staging, VolumeCapability = capability });
        await Client.Node.NodePublishVolumeAsync(new NodePublishVolumeRequest
        {
            VolumeId = volume.VolumeId,
            StagingTargetPath = staging,
            TargetPath = target,
            VolumeCapability = capability,
        });
        Assert.NotEmpty((await Client.Node.NodeGetVolumeStatsAsync(new NodeGetVolumeStatsRequest { VolumeId = volume.VolumeId, VolumePath = target })).Usage);
        await Client.Node.NodeGetVolumeHealthAsync(new NodeGetVolumeHealthRequest { VolumeId = volume.VolumeId, VolumePublishPath = target });
        await Client.Node.NodeUnpublishVolumeAsync(new NodeUnpublishVolumeRequest { VolumeId = volume.VolumeId, TargetPath = target });
        await Client.Node.NodeUnstageVolumeAsync(new NodeUnstageVolumeRequest { VolumeId = volume.VolumeId, StagingTargetPath = staging });
        await Client.Controller.ControllerExpandVolumeAsync(new ControllerExpandVolumeRequest
        {
            VolumeId = volume.VolumeId,
            CapacityRange = new() { RequiredBytes = volume.CapacityBytes + (16 << 20) },
        });
        if (pool.CanCopy)
        {
            string snapshotId = (await Client.Controller.CreateSnapshotAsync(new CreateSnapshotRequest { Name = name, SourceVolumeId = volume.VolumeId })).Snapshot.SnapshotId;
            AsyncServerStreamingCall<GetMetadataAllocatedResponse> metadata = Client.Metadata.GetMetadataAllocated(new GetMetadataAllocatedRequest { SnapshotId = snapshotId });
            while (await metadata.ResponseStream.MoveNext(CancellationToken.None))
                Assert.NotEmpty(metadata.ResponseStream.Current.BlockMetadata);
            await Client.Controller.DeleteSnapshotAsync(new DeleteSnapshotRequest { SnapshotId = snapshotId });
        }
        await Client.Controller.DeleteVolumeAsync(new DeleteVolumeRequest { VolumeId = volume.VolumeId });
    }

    /// <summary>Calls the RPC that takes this request: CSI names requests after their RPC.</summary>
    private async Task<(StatusCode Code, string Detail)> CallAsync(IMessage request)
    {
        string method = request.Descriptor.Name[..^"Request".Length];
        object[] clients = [Client.Identity, Client.Controller, Client.Group, Client.Metadata, Client.Node];
        try
        {
            if (request is GetMetadataAllocatedRequest allocated)
                await Client.Metadata.GetMetadataAllocated(allocated).ResponseStream.MoveNext(CancellationToken.None);
            else if (request is GetMetadataDeltaRequest delta)
                await Client.Metadata.GetMetadataDelta(delta).ResponseStream.MoveNext(CancellationToken.None);
            else
                await Task.Run(() => CallBlocking(clients, method, request));
            return (StatusCode.OK, "");
        }
        catch (RpcException exception)
        {
            return (exception.StatusCode, exception.Status.Detail);
        }
    }

    private static void CallBlocking(object[] clients, string method, IMessage request)
    {
        foreach (object client in clients)
        {
            client.GetType().GetMethod(method, [request.GetType(), typeof(CallOptions)])?
                .Invoke(client, BindingFlags.DoNotWrapExceptions, null, [request, new CallOptions()], null);
        }
    }
}
