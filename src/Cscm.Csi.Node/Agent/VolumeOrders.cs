using Cscm.Kubernetes;
using Cscm.Storage;

namespace Cscm.Csi.Node.Agent;

/// <summary>Reads an ScmVolume's spec into what storage understands.</summary>
internal static class VolumeOrders
{
    public static VolumeSpec ReadSpec(ScmVolume volume)
    {
        ScmVolumeSpec spec = volume.Spec;
        return new VolumeSpec
        {
            Name = spec.VolumeName,
            Pool = spec.Pool,
            Access = Read<AccessType>(spec.Access, "access"),
            FileSystem = spec.FileSystem,
            Size = new SizeRange(spec.RequiredBytes, spec.LimitBytes),
            Source = spec.Source is null ? null : new ContentSource(Read<ContentSourceKind>(spec.Source.Kind, "source.kind"), spec.Source.Name),
            Settings = new VolumeSettings
            {
                Dax = spec.Dax is null ? null : Read<DaxPolicy>(spec.Dax, "dax"),
                Erase = Read<ErasePolicy>(spec.Erase, "erase"),
                HugePages = spec.HugePages is null ? null : Read<HugePages>(spec.HugePages, "hugePages"),
            },
        };
    }

    public static VolumeSettingsChange ReadChange(ScmVolume volume) => new(
        Read<ErasePolicy>(volume.Spec.Erase, "erase"), volume.Spec.HugePages is null ? null : Read<HugePages>(volume.Spec.HugePages, "hugePages"));

    private static T Read<T>(string text, string field)
        where T : struct, Enum
        => Enum.TryParse(text, out T value)
            ? value
            : throw new StorageException(StorageErrorKind.InvalidArgument, $"spec.{field} '{text}' is unknown to this version: use one of {string.Join(", ", Enum.GetNames<T>())}");
}
