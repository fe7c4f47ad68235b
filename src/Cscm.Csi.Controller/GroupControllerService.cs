using Csi.V1;
using Cscm.Csi.Validation;
using Cscm.Storage;
using Grpc.Core;
using GroupControllerBase = Csi.V1.GroupController.GroupControllerBase;
using Rpc = Csi.V1.GroupControllerServiceCapability.Types.RPC.Types.Type;

namespace Cscm.Csi.Controller;

/// <summary>CSI GroupController: snapshots of several volumes at one moment. Thread-safe.</summary>
public sealed class GroupControllerService : GroupControllerBase
{
    private readonly IVolumeManager _volumes;
    private readonly Func<bool> _supportsCopies;

    /// <summary>On one machine.</summary>
    public GroupControllerService(IVolumeManager volumes)
        => (_volumes, _supportsCopies) = (volumes, () => volumes.ListPools().Any(pool => pool.SupportsSnapshots));

    /// <summary>In a cluster.</summary>
    public GroupControllerService(IVolumeManager volumes, IPlacement placement)
        => (_volumes, _supportsCopies) = (volumes, () => placement.SupportsCopies);

    public override Task<GroupControllerGetCapabilitiesResponse> GroupControllerGetCapabilities(
        GroupControllerGetCapabilitiesRequest request, ServerCallContext context)
    {
        var response = new GroupControllerGetCapabilitiesResponse();
        if (_supportsCopies())
            response.Capabilities.Add(new GroupControllerServiceCapability { Rpc = new() { Type = Rpc.CreateDeleteGetVolumeGroupSnapshot } });
        return Task.FromResult(response);
    }

    public override async Task<CreateVolumeGroupSnapshotResponse> CreateVolumeGroupSnapshot(
        CreateVolumeGroupSnapshotRequest request, ServerCallContext context)
    {
        string name = Require.Text(request.Name, "name");
        if (request.SourceVolumeIds.Count == 0)
            throw Require.Invalid("source_volume_ids is empty: name the volumes to snapshot together");
        string[] ids = ReadIds(request.SourceVolumeIds, "source_volume_ids");
        VolumeParameters.RefuseAll(request.Parameters);
        GroupSnapshotInfo group = await _volumes.CreateGroupSnapshotAsync(name, ids, context.CancellationToken);
        return new CreateVolumeGroupSnapshotResponse { GroupSnapshot = CsiViews.ToCsi(group) };
    }

    public override async Task<DeleteVolumeGroupSnapshotResponse> DeleteVolumeGroupSnapshot(
        DeleteVolumeGroupSnapshotRequest request, ServerCallContext context)
    {
        string groupId = Require.Text(request.GroupSnapshotId, "group_snapshot_id");
        await _volumes.DeleteGroupSnapshotAsync(groupId, ReadIds(request.SnapshotIds, "snapshot_ids"), context.CancellationToken);
        return new DeleteVolumeGroupSnapshotResponse();
    }

    public override Task<GetVolumeGroupSnapshotResponse> GetVolumeGroupSnapshot(GetVolumeGroupSnapshotRequest request, ServerCallContext context)
    {
        GroupSnapshotInfo group = _volumes.GetGroupSnapshot(Require.Text(request.GroupSnapshotId, "group_snapshot_id"));
        string[] expected = ReadIds(request.SnapshotIds, "snapshot_ids");
        if (expected.Length > 0 && !expected.ToHashSet().SetEquals(group.Snapshots.Select(snapshot => snapshot.Id)))
            throw Require.Invalid($"snapshot_ids are not the snapshots of group {group.Id}: it has {string.Join(", ", group.Snapshots.Select(snapshot => snapshot.Id))}");
        return Task.FromResult(new GetVolumeGroupSnapshotResponse { GroupSnapshot = CsiViews.ToCsi(group) });
    }

    private static string[] ReadIds(IEnumerable<string> ids, string field)
    {
        string[] checkedIds = [.. ids.Select(id => Require.Text(id, field))];
        return checkedIds.Distinct().Count() == checkedIds.Length ? checkedIds : throw Require.Invalid($"{field} names an id twice: name each once");
    }
}
