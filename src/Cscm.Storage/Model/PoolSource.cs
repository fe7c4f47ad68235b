using System.Buffers;

namespace Cscm.Storage;

public enum PoolSourceKind
{
    /// <summary>A share of a region, by the kernel's name: <c>region0</c>.</summary>
    Region,

    /// <summary>An existing namespace, by the name that its maker gave it: <c>namespace:fast</c>.</summary>
    Namespace,

    /// <summary>A block device: <c>/dev/pmem0</c>.</summary>
    Device,

    /// <summary>An existing volume group: <c>vg:fast</c>.</summary>
    VolumeGroup,
}

/// <summary>Something that a pool may take from; what is not named is never touched.</summary>
public readonly record struct PoolSource(PoolSourceKind Kind, string Name)
{
    private const string RegionPrefix = "region", NamespacePrefix = "namespace:", GroupPrefix = "vg:", DevicePrefix = "/dev/";
    private const int LongestNamespace = 63, LongestGroup = 127;

    private static readonly SearchValues<char> s_groupCharacters = SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+_.-");

    public static bool TryParse(string text, out PoolSource source)
    {
        source = text switch
        {
            _ when text.StartsWith(NamespacePrefix, StringComparison.Ordinal) => new PoolSource(PoolSourceKind.Namespace, text[NamespacePrefix.Length..]),
            _ when text.StartsWith(GroupPrefix, StringComparison.Ordinal) => new PoolSource(PoolSourceKind.VolumeGroup, text[GroupPrefix.Length..]),
            _ when text.StartsWith(DevicePrefix, StringComparison.Ordinal) => new PoolSource(PoolSourceKind.Device, text),
            _ => new PoolSource(PoolSourceKind.Region, text),
        };
        return source.Kind switch
        {
            PoolSourceKind.Region => text.Length > RegionPrefix.Length && text.StartsWith(RegionPrefix, StringComparison.Ordinal) && text.Skip(RegionPrefix.Length).All(char.IsAsciiDigit),
            PoolSourceKind.Namespace => source.Name.Length is > 0 and <= LongestNamespace && !source.Name.Any(char.IsControl),
            PoolSourceKind.VolumeGroup => source.Name.Length is > 0 and <= LongestGroup && source.Name[0] != '-' && !source.Name.AsSpan().ContainsAnyExcept(s_groupCharacters),
            _ => text.Length > DevicePrefix.Length && Path.GetFullPath(text) == text,
        };
    }

    /// <summary>Reads sources with '+' between them.</summary>
    /// <exception cref="FormatException">One of them is not a source; the message names it.</exception>
    public static IReadOnlyList<PoolSource> ParseList(string text) =>
    [
        .. text.Split('+').Select(part => TryParse(part, out PoolSource source)
            ? source
            : throw new FormatException($"'{part}' is no source: write region0, namespace:NAME, vg:NAME or /dev/NAME, with + between several")),
    ];

    public override string ToString() => Kind switch
    {
        PoolSourceKind.Namespace => NamespacePrefix + Name,
        PoolSourceKind.VolumeGroup => GroupPrefix + Name,
        _ => Name,
    };
}
