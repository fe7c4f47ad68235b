using System.Globalization;
using Csi.V1;
using Cscm.Storage;
using Grpc.Core;
using Mode = Csi.V1.VolumeCapability.Types.AccessMode.Types.Mode;

namespace Cscm.Csi.Validation;

/// <summary>Reads VolumeCapability. Volumes live on one node, so the multi-node access modes are refused.</summary>
public static class Capabilities
{
    private static readonly Mode[] s_modes =
        [Mode.SingleNodeWriter, Mode.SingleNodeReaderOnly, Mode.SingleNodeSingleWriter, Mode.SingleNodeMultiWriter];

    /// <summary>What the capabilities of one volume have in common.</summary>
    /// <exception cref="RpcException">INVALID_ARGUMENT: one is incomplete or unsupported, or they contradict one another.</exception>
    public static MountOptions ReadAll(IReadOnlyCollection<VolumeCapability> capabilities, string field)
    {
        if (capabilities.Count == 0)
            throw Require.Invalid($"{field} is empty: name at least one access type and mode");
        MountOptions? first = null;
        foreach (VolumeCapability capability in capabilities)
        {
            MountOptions options = Read(capability, field);
            first ??= options;
            if (options.Access != first.Access)
                throw Require.Invalid($"{field} asks for both block and mount access: a volume has one of them");
            if (!string.IsNullOrEmpty(options.FileSystem) && !string.IsNullOrEmpty(first.FileSystem) && options.FileSystem != first.FileSystem)
                throw Require.Invalid($"{field} asks for both {first.FileSystem} and {options.FileSystem}: a volume has one file system");
            if (string.IsNullOrEmpty(first.FileSystem))
                first = first with { FileSystem = options.FileSystem };
        }
        return first!;
    }

    public static MountOptions Read(VolumeCapability? capability, string field)
    {
        if (capability is null)
            throw Require.Invalid($"{field} is not set: name an access type and mode");
        Mode mode = capability.AccessMode?.Mode ?? Mode.Unknown;
        if (mode == Mode.Unknown)
            throw Require.Invalid($"{field}.access_mode is not set: use a SINGLE_NODE mode");
        if (!s_modes.Contains(mode))
            throw Require.Invalid($"{field}.access_mode {mode} is not supported: a volume is memory of one node, use a SINGLE_NODE mode");
        var common = new MountOptions { IsReadOnly = mode == Mode.SingleNodeReaderOnly, IsExclusive = mode == Mode.SingleNodeSingleWriter };
        return capability.AccessTypeCase switch
        {
            VolumeCapability.AccessTypeOneofCase.Block => common with { Access = AccessType.Block },
            VolumeCapability.AccessTypeOneofCase.Mount => common with
            {
                Access = AccessType.Mount,
                FileSystem = Require.OptionalText(capability.Mount.FsType, $"{field}.mount.fs_type"),
                Flags = ReadFlags(capability.Mount, field),
                MountGroup = ReadGroup(capability.Mount.VolumeMountGroup, field),
            },
            _ => throw Require.Invalid($"{field}.access_type is not set: choose mount or block"),
        };
    }

    private static string[] ReadFlags(VolumeCapability.Types.MountVolume mount, string field)
    {
        string[] flags = [.. mount.MountFlags.Select(flag => Require.Text(flag, $"{field}.mount.mount_flags"))];
        return flags.Sum(flag => flag.Length) <= 4096 ? flags : throw Require.Invalid($"{field}.mount.mount_flags is larger than 4096 bytes: shorten it");
    }

    private static string ReadGroup(string group, string field)
        => group.Length == 0 || (uint.TryParse(group, NumberStyles.None, CultureInfo.InvariantCulture, out uint id) && id != uint.MaxValue)
            ? group
            : throw Require.Invalid($"{field}.mount.volume_mount_group is not a numeric group id: names are not resolved, use the number");
}
