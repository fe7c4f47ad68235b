using Csi.V1;
using Cscm.Csi;
using Cscm.Storage;
using Grpc.Core;

namespace Cscm.Cluster.Tests;

/// <summary>Requests as the sidecars send them, and the codes that they would see.</summary>
internal static class RpcCalls
{
    public const long Mebi = 1 << 20;

    public static CreateVolumeRequest Create(string name, long requiredBytes = 16 * Mebi, string? node = null, params string[] others)
    {
        var request = new CreateVolumeRequest
        {
            Name = name,
            CapacityRange = new CapacityRange { RequiredBytes = requiredBytes },
            VolumeCapabilities = { Capability() },
        };
        if (node is not null)
        {
            request.AccessibilityRequirements = new TopologyRequirement { Preferred = { On(node) } };
            foreach (string each in (string[])[node, .. others])
                request.AccessibilityRequirements.Requisite.Add(On(each));
        }
        return request;
    }

    public static VolumeCapability Capability() => new()
    {
        Mount = new VolumeCapability.Types.MountVolume(),
        AccessMode = new VolumeCapability.Types.AccessMode { Mode = VolumeCapability.Types.AccessMode.Types.Mode.SingleNodeWriter },
    };

    public static Topology On(string node) => new() { Segments = { [DriverInfo.TopologyKey] = node } };

    public static string NodeOf(Volume volume) => Assert.Single(volume.AccessibleTopology).Segments[DriverInfo.TopologyKey];

    public static async Task<Volume> CreateAsync(this TestController controller, CreateVolumeRequest request, double seconds = 20)
        => (await controller.Rpc.CreateVolume(request, new CallContext(seconds))).Volume;

    public static async Task<Snapshot> SnapshotAsync(this TestController controller, string name, Volume volume)
        => (await controller.Rpc.CreateSnapshot(new CreateSnapshotRequest { Name = name, SourceVolumeId = volume.VolumeId }, new CallContext(20))).Snapshot;

    public static async Task<VolumeGroupSnapshot> GroupAsync(this TestController controller, string name, string[] volumeIds, double seconds = 20)
        => (await controller.Groups.CreateVolumeGroupSnapshot(
            new CreateVolumeGroupSnapshotRequest { Name = name, SourceVolumeIds = { volumeIds } }, new CallContext(seconds))).GroupSnapshot;

    public static Task DeleteAsync(this TestController controller, string id, double seconds = 20)
        => controller.Rpc.DeleteVolume(new DeleteVolumeRequest { VolumeId = id }, new CallContext(seconds));

    /// <summary>The status of a call that is refused, as the call pipeline would answer it.</summary>
    public static async Task<Status> RefusalAsync(Func<Task> call)
    {
        Exception refusal = await Assert.ThrowsAnyAsync<Exception>(call);
        return refusal switch
        {
            RpcException rpc => rpc.Status,
            StorageException storage => StorageStatus.ToRpcException(storage).Status,
            OperationCanceledException => new Status(StatusCode.DeadlineExceeded, ""),
            _ => throw new InvalidOperationException("not a refusal", refusal),
        };
    }
}

/// <summary>A call with a deadline.</summary>
internal sealed class CallContext(double seconds) : ServerCallContext
{
    protected override string MethodCore => "test";
    protected override string HostCore => "localhost";
    protected override string PeerCore => "test";
    protected override DateTime DeadlineCore { get; } = TimeProvider.System.GetUtcNow().UtcDateTime.AddSeconds(seconds);
    protected override Metadata RequestHeadersCore { get; } = [];
    protected override CancellationToken CancellationTokenCore { get; } = new CancellationTokenSource(TimeSpan.FromSeconds(seconds)).Token;
    protected override Metadata ResponseTrailersCore { get; } = [];
    protected override Status StatusCore { get; set; }
    protected override WriteOptions? WriteOptionsCore { get; set; }
    protected override AuthContext AuthContextCore => new("", []);

    protected override ContextPropagationToken CreatePropagationTokenCore(ContextPropagationOptions? options) => throw new NotSupportedException();

    protected override Task WriteResponseHeadersAsyncCore(Metadata responseHeaders) => Task.CompletedTask;
}
