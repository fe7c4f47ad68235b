using System.Globalization;
using Csi.V1;
using Grpc.Core;

namespace Cscm.Grpc.TestHost;

/// <summary>Answers itself under "x-pass"; everything else here is answered by the script.</summary>
public sealed class IdentityService : Identity.IdentityBase
{
    /// <summary>Says what the handler knows of its call.</summary>
    public override Task<GetPluginInfoResponse> GetPluginInfo(GetPluginInfoRequest request, ServerCallContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        var response = new GetPluginInfoResponse { Name = "test.host" };
        response.Manifest["method"] = context.Method;
        response.Manifest["peer"] = context.Peer;
        response.Manifest["deadline"] = context.Deadline.ToString("O", CultureInfo.InvariantCulture);
        response.Manifest["protocol"] = context.GetHttpContext().Request.Protocol;
        foreach (var header in context.RequestHeaders.Where(header => !header.IsBinary))
            response.Manifest["header:" + header.Key] = header.Value;
        if (context.RequestHeaders.GetValue("x-response-size") is { } size)
            response.VendorVersion = new string('v', int.Parse(size, CultureInfo.InvariantCulture));
        if (context.RequestHeaders.Get("x-set-status") is not null)
            context.Status = new Status(StatusCode.FailedPrecondition, "Set, not thrown.");
        return Task.FromResult(response);
    }

    public override Task<ProbeResponse> Probe(ProbeRequest request, ServerCallContext context) => Task.FromResult<ProbeResponse>(null!);
}

public sealed class ControllerService : Controller.ControllerBase
{
    /// <summary>Says how much arrived.</summary>
    public override Task<DeleteVolumeResponse> DeleteVolume(DeleteVolumeRequest request, ServerCallContext context)
    {
        ArgumentNullException.ThrowIfNull(request);
        ArgumentNullException.ThrowIfNull(context);
        context.ResponseTrailers.Add("x-received", request.VolumeId.Length.ToString(CultureInfo.InvariantCulture));
        return Task.FromResult(new DeleteVolumeResponse());
    }
}

public sealed class GroupControllerService : GroupController.GroupControllerBase;

public sealed class SnapshotMetadataService : SnapshotMetadata.SnapshotMetadataBase
{
    /// <summary>Streams until the caller goes away, without looking whether it has.</summary>
    public override async Task GetMetadataAllocated(
        GetMetadataAllocatedRequest request, IServerStreamWriter<GetMetadataAllocatedResponse> responseStream, ServerCallContext context)
    {
        ArgumentNullException.ThrowIfNull(responseStream);
        ArgumentNullException.ThrowIfNull(context);
        using var call = Calls.Enter(context.RequestHeaders.GetValue("x-call") ?? "");
        var message = new GetMetadataAllocatedResponse();
        for (var i = 0; i < 1000; i++)
            message.BlockMetadata.Add(new BlockMetadata { ByteOffset = i, SizeBytes = 1 });
        while (!context.CancellationToken.IsCancellationRequested)
            await responseStream.WriteAsync(message);
        call.Cancelled();
    }
}

public sealed class NodeService : Node.NodeBase;
