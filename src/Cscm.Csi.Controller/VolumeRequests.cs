using Csi.V1;
using Cscm.Csi.Validation;
using Cscm.Storage;

namespace Cscm.Csi.Controller;

/// <summary>Reads CreateVolumeRequest into what storage understands; refuses what no pool could mean.</summary>
internal static class VolumeRequests
{
    public static VolumeSpec ReadSpec(CreateVolumeRequest request)
    {
        string name = Require.Text(request.Name, "name");
        MountOptions options = Capabilities.ReadAll(request.VolumeCapabilities, "volume_capabilities");
        VolumeParameters parameters = VolumeParameters.ParseClass(request.Parameters, request.MutableParameters);
        SizeRange size = request.CapacityRange is null ? default : Require.Range(request.CapacityRange, "capacity_range");
        ContentSource? source = ReadSource(request.VolumeContentSource);
        return new VolumeSpec
        {
            Name = name,
            Pool = parameters.PoolName,
            Access = options.Access,
            FileSystem = string.IsNullOrEmpty(options.FileSystem) ? null : options.FileSystem,
            Size = size,
            Source = source,
            Settings = parameters.Settings,
        };
    }

    /// <summary>Why a volume cannot serve the capabilities; null if it can.</summary>
    public static string? FindMismatch(VolumeInfo volume, MountOptions wanted)
    {
        if (wanted.Access != volume.Access)
            return $"volume {volume.Id} was created for {volume.Access.ToString().ToLowerInvariant()} access";
        if (!string.IsNullOrEmpty(wanted.FileSystem) && wanted.FileSystem != volume.FileSystem)
            return $"volume {volume.Id} holds {volume.FileSystem}, not {wanted.FileSystem}";
        return null;
    }

    private static ContentSource? ReadSource(VolumeContentSource? source) => source?.TypeCase switch
    {
        null => null,
        VolumeContentSource.TypeOneofCase.Snapshot => new ContentSource(
            ContentSourceKind.Snapshot, Require.Text(source.Snapshot.SnapshotId, "volume_content_source.snapshot.snapshot_id")),
        VolumeContentSource.TypeOneofCase.Volume => new ContentSource(
            ContentSourceKind.Volume, Require.Text(source.Volume.VolumeId, "volume_content_source.volume.volume_id")),
        _ => throw Require.Invalid("volume_content_source names neither a snapshot nor a volume: set one"),
    };
}
