namespace Cscm.Storage.Pools.Lvm;

/// <summary>What things of an lvm pool are called, and the tag that makes them its own.</summary>
internal static class LvmNames
{
    private const string PlaceholderPrefix = "place-";

    /// <summary>On the volume group and on every logical volume of the pool.</summary>
    public static string Tag(string driverId, string pool) => $"{TagPrefix}{driverId}/{pool}";

    public const string TagPrefix = "cscm/";

    /// <summary>A group of the pool's own. With the driver in it: device-mapper knows no two devices of one name, whoever made them.</summary>
    public static string Group(string driverId, string pool) => $"cscm-{driverId[..8]}-{pool}";

    /// <summary>Lies for a moment where a volume will grow into.</summary>
    public static string Placeholder(string volume) => PlaceholderPrefix + volume;

    public static bool IsPlaceholder(string name) => name.StartsWith(PlaceholderPrefix, StringComparison.Ordinal);
}
