using Cscm.Storage.Pools;
using Cscm.Storage.State;

namespace Cscm.Storage.Publishing;

/// <summary>Whether a volume can be mounted as asked.</summary>
internal static class MountRules
{
    /// <exception cref="StorageException">InvalidArgument.</exception>
    public static MountFlags Check(string volumeId, AccessType access, string fileSystem, MountOptions options)
    {
        if (options.Access != access)
            throw Invalid($"volume {volumeId} has access type {access}, not {options.Access}");
        if (access == AccessType.Block)
        {
            return options.Flags.Count == 0 && string.IsNullOrEmpty(options.MountGroup)
                ? new MountFlags(Linux.MountAttribute.None, [], IsReadOnly: false)
                : throw Invalid($"volume {volumeId} is a raw block volume: mount flags and a mount group mean nothing for it, leave them out");
        }
        if (!string.IsNullOrEmpty(options.FileSystem) && options.FileSystem != fileSystem)
            throw Invalid($"volume {volumeId} has file system {fileSystem}, not {options.FileSystem}");
        if (!string.IsNullOrEmpty(options.MountGroup) && (!uint.TryParse(options.MountGroup, out uint group) || group == uint.MaxValue))
            throw Invalid("the volume mount group is not a numeric group id");
        return MountFlags.Parse(options.Flags, fileSystem);
    }

    public static bool Equal(StageRecord a, StageRecord b)
        => a.IsReadOnly == b.IsReadOnly && a.MountGroup == b.MountGroup && SameFlags(a.Flags, b.Flags);

    public static bool Equal(TargetRecord a, TargetRecord b)
        => a.IsReadOnly == b.IsReadOnly && a.IsExclusive == b.IsExclusive && a.MountGroup == b.MountGroup && SameFlags(a.Flags, b.Flags);

    private static bool SameFlags(IReadOnlyList<string> a, IReadOnlyList<string> b)
        => a.Order(StringComparer.Ordinal).SequenceEqual(b.Order(StringComparer.Ordinal), StringComparer.Ordinal);

    private static StorageException Invalid(string message) => new(StorageErrorKind.InvalidArgument, message);
}
