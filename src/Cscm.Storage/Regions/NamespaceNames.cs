namespace Cscm.Storage.Regions;

/// <summary>
/// The names that we give namespaces, which the labels keep: whose they are, and what. At most 63 characters fit.
/// </summary>
internal static class NamespaceNames
{
    private const string Prefix = "cscm.";
    private const int MarkDigits = 12;

    /// <summary>What all names of one driver start with.</summary>
    public static string MarkOf(string driverId) => Prefix + driverId[..MarkDigits] + ".";

    /// <summary>A volume's, or one in the trash.</summary>
    public static string Volume(string driverId, string key) => MarkOf(driverId) + key;

    /// <summary>A whole pool's.</summary>
    public static string Pool(string driverId, string pool) => MarkOf(driverId) + PoolPrefix + pool;

    public const string PoolPrefix = "pool-";

    /// <summary>What a driver called it; null if the name is not of our making.</summary>
    public static (string Mark, string Name)? Parse(string alternativeName)
    {
        int length = Prefix.Length + MarkDigits + 1;
        return alternativeName.Length > length && alternativeName.StartsWith(Prefix, StringComparison.Ordinal) && alternativeName[length - 1] == '.'
            ? (alternativeName[..length], alternativeName[length..])
            : null;
    }
}
