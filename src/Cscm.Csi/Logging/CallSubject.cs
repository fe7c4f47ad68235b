using Csi.V1;

namespace Cscm.Csi.Logging;

/// <summary>
/// What a request is about, for its log line: the volume or snapshot that it names. Written out rather than found by reflection over the
/// descriptors, which would take megabytes of a driver's memory for it. Thread-safe.
/// </summary>
public static class CallSubject
{
    /// <summary>Of a request that names nothing.</summary>
    public const string None = "-";

    public static string Of(object request)
    {
        string subject = Find(request);
        return subject.Length > 0 ? SingleLine.Of(subject) : None;
    }

    private static string Find(object request) => request switch
    {
        CreateVolumeRequest create => create.Name,
        DeleteVolumeRequest delete => delete.VolumeId,
        ControllerPublishVolumeRequest publish => publish.VolumeId,
        ControllerUnpublishVolumeRequest unpublish => unpublish.VolumeId,
        ValidateVolumeCapabilitiesRequest validate => validate.VolumeId,
        ControllerGetVolumeRequest get => get.VolumeId,
        ControllerModifyVolumeRequest modify => modify.VolumeId,
        ControllerExpandVolumeRequest expand => expand.VolumeId,
        ControllerGetVolumeHealthRequest health => health.VolumeId,
        CreateSnapshotRequest create => create.Name,
        DeleteSnapshotRequest delete => delete.SnapshotId,
        GetSnapshotRequest get => get.SnapshotId,
        ListSnapshotsRequest list => list.SnapshotId.Length > 0 ? list.SnapshotId : list.SourceVolumeId,
        CreateVolumeGroupSnapshotRequest create => create.Name,
        DeleteVolumeGroupSnapshotRequest delete => delete.GroupSnapshotId,
        GetVolumeGroupSnapshotRequest get => get.GroupSnapshotId,
        GetMetadataAllocatedRequest allocated => allocated.SnapshotId,
        GetMetadataDeltaRequest delta => delta.TargetSnapshotId,
        NodeStageVolumeRequest stage => stage.VolumeId,
        NodeUnstageVolumeRequest unstage => unstage.VolumeId,
        NodePublishVolumeRequest publish => publish.VolumeId,
        NodeUnpublishVolumeRequest unpublish => unpublish.VolumeId,
        NodeExpandVolumeRequest expand => expand.VolumeId,
        NodeGetVolumeStatsRequest stats => stats.VolumeId,
        NodeGetVolumeHealthRequest health => health.VolumeId,
        _ => "",
    };
}
