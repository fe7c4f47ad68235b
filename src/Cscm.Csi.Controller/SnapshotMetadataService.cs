using Csi.V1;
using Cscm.Csi.Validation;
using Cscm.Storage;
using Grpc.Core;
using SnapshotMetadataBase = Csi.V1.SnapshotMetadata.SnapshotMetadataBase;

namespace Cscm.Csi.Controller;

/// <summary>CSI SnapshotMetadata: which blocks a snapshot holds, and which differ from an earlier one. Thread-safe.</summary>
public sealed class SnapshotMetadataService(IVolumeManager volumes) : SnapshotMetadataBase
{
    /// <summary>Extents in one message when the caller sets no limit: some 20 KiB.</summary>
    private const int DefaultResults = 1024;

    public override async Task GetMetadataAllocated(
        GetMetadataAllocatedRequest request, IServerStreamWriter<GetMetadataAllocatedResponse> responseStream, ServerCallContext context)
    {
        string snapshotId = Require.Text(request.SnapshotId, "snapshot_id");
        SnapshotInfo snapshot = volumes.GetSnapshot(snapshotId);
        long offsetBytes = ReadOffset(request.StartingOffset, snapshot);
        foreach (BlockExtent[] extents in volumes.ReadAllocatedExtents(snapshotId, offsetBytes).Chunk(ReadLimit(request.MaxResults)))
        {
            await responseStream.WriteAsync(
                new GetMetadataAllocatedResponse
                {
                    BlockMetadataType = BlockMetadataType.VariableLength,
                    VolumeCapacityBytes = snapshot.CapacityBytes,
                    BlockMetadata = { extents.Select(ToCsi) },
                },
                context.CancellationToken);
        }
    }

    public override async Task GetMetadataDelta(
        GetMetadataDeltaRequest request, IServerStreamWriter<GetMetadataDeltaResponse> responseStream, ServerCallContext context)
    {
        string baseId = Require.Text(request.BaseSnapshotId, "base_snapshot_id");
        string targetId = Require.Text(request.TargetSnapshotId, "target_snapshot_id");
        SnapshotInfo baseSnapshot = volumes.GetSnapshot(baseId);
        SnapshotInfo target = volumes.GetSnapshot(targetId);
        if (baseSnapshot.SourceVolumeId != target.SourceVolumeId)
            throw Require.Invalid($"snapshots {baseId} and {targetId} are of different volumes: compare snapshots of one volume");
        long offsetBytes = ReadOffset(request.StartingOffset, target);
        foreach (BlockExtent[] extents in volumes.ReadChangedExtents(baseId, targetId, offsetBytes).Chunk(ReadLimit(request.MaxResults)))
        {
            await responseStream.WriteAsync(
                new GetMetadataDeltaResponse
                {
                    BlockMetadataType = BlockMetadataType.VariableLength,
                    VolumeCapacityBytes = target.CapacityBytes,
                    BlockMetadata = { extents.Select(ToCsi) },
                },
                context.CancellationToken);
        }
    }

    private static long ReadOffset(long offsetBytes, SnapshotInfo snapshot)
    {
        if (offsetBytes >= 0 && offsetBytes <= snapshot.CapacityBytes)
            return offsetBytes;
        throw new RpcException(new Status(
            StatusCode.OutOfRange, $"starting_offset {offsetBytes} lies outside snapshot {snapshot.Id} of {snapshot.CapacityBytes} bytes"));
    }

    private static int ReadLimit(int maxResults) => maxResults switch
    {
        < 0 => throw Require.Invalid($"max_results is {maxResults}: use zero for no limit, or a positive number"),
        0 => DefaultResults,
        _ => Math.Min(maxResults, DefaultResults),
    };

    private static BlockMetadata ToCsi(BlockExtent extent) => new() { ByteOffset = extent.OffsetBytes, SizeBytes = extent.SizeBytes };
}
