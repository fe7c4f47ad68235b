using Csi.V1;
using Cscm.Csi.Validation;
using Cscm.Storage;
using Grpc.Core;

namespace Cscm.Csi.Node;

/// <summary>Reads NodePublishVolumeRequest, of staged and of inline ephemeral volumes.</summary>
internal static class PublishRequests
{
    private const string EphemeralKey = "csi.storage.k8s.io/ephemeral";

    public static PublishRequest Read(NodePublishVolumeRequest request)
    {
        string volumeId = Require.Text(request.VolumeId, "volume_id");
        string targetPath = Require.Path(request.TargetPath, "target_path");
        MountOptions options = Capabilities.Read(request.VolumeCapability, "volume_capability");
        Require.Map(request.PublishContext, "publish_context");
        Require.Map(request.VolumeContext, "volume_context");
        if (request.VolumeContext.TryGetValue(EphemeralKey, out string? ephemeral) && ephemeral == "true")
        {
            return new PublishRequest(volumeId, "", targetPath, request.Readonly, options)
            {
                Ephemeral = ReadInline(volumeId, request.VolumeContext, options),
            };
        }
        if (request.StagingTargetPath.Length == 0)
        {
            throw new RpcException(new Status(
                StatusCode.FailedPrecondition, "staging_target_path is empty: volumes are staged (NodeStageVolume) before they are published"));
        }
        return new PublishRequest(volumeId, Require.Path(request.StagingTargetPath, "staging_target_path"), targetPath, request.Readonly, options);
    }

    private static VolumeSpec ReadInline(string volumeId, IDictionary<string, string> context, MountOptions options)
    {
        if (options.Access == AccessType.Block)
            throw Require.Invalid("an inline ephemeral volume has mount access only: ask for mount");
        VolumeParameters parameters = VolumeParameters.ParseInline(context);
        string? fileSystem = string.IsNullOrEmpty(options.FileSystem) ? parameters.FileSystemType : options.FileSystem;
        return new VolumeSpec
        {
            Name = volumeId,
            Pool = parameters.PoolName,
            Access = AccessType.Mount,
            FileSystem = string.IsNullOrEmpty(fileSystem) ? null : fileSystem,
            Size = new SizeRange(parameters.SizeBytes ?? 0, 0),
            Settings = parameters.Settings,
        };
    }
}
