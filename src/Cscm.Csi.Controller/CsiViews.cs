using Csi.V1;
using Cscm.Storage;
using Google.Protobuf.WellKnownTypes;

namespace Cscm.Csi.Controller;

/// <summary>Storage's records as CSI's messages.</summary>
internal static class CsiViews
{
    public const string PoolKey = "pool";
    private const string PoolKindKey = "poolKind";
    private const string NumaNodeKey = "numaNode";

    public static Volume ToCsi(VolumeInfo volume, Topology where)
    {
        var view = new Volume
        {
            VolumeId = volume.Id,
            CapacityBytes = volume.CapacityBytes,
            ContentSource = ToCsi(volume.Source),
            AccessibleTopology = { where },
        };
        view.VolumeContext.Add(ContextOf(volume));
        return view;
    }

    /// <summary>What CreateVolume hands to the node calls. Constant over a volume's life.</summary>
    public static IDictionary<string, string> ContextOf(VolumeInfo volume)
    {
        var context = new Dictionary<string, string> { [PoolKey] = volume.Pool, [PoolKindKey] = volume.PoolKind.ToString().ToLowerInvariant() };
        if (volume.NumaNode is int node)
            context[NumaNodeKey] = node.ToString();
        return context;
    }

    public static Snapshot ToCsi(SnapshotInfo snapshot) => new()
    {
        SnapshotId = snapshot.Id,
        SourceVolumeId = snapshot.SourceVolumeId,
        SizeBytes = snapshot.CapacityBytes,
        CreationTime = Timestamp.FromDateTimeOffset(snapshot.CreatedAt),
        ReadyToUse = true,
        GroupSnapshotId = snapshot.GroupId,
    };

    public static VolumeGroupSnapshot ToCsi(GroupSnapshotInfo group) => new()
    {
        GroupSnapshotId = group.Id,
        CreationTime = Timestamp.FromDateTimeOffset(group.CreatedAt),
        ReadyToUse = true,
        Snapshots = { group.Snapshots.Select(ToCsi) },
    };

    private static VolumeContentSource? ToCsi(ContentSource? source) => source switch
    {
        null => null,
        { Kind: ContentSourceKind.Snapshot } => new VolumeContentSource { Snapshot = new() { SnapshotId = source.Id } },
        _ => new VolumeContentSource { Volume = new() { VolumeId = source.Id } },
    };
}
