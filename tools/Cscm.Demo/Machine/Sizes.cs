namespace Cscm.Demo.Machine;

/// <summary>Sizes as people read them.</summary>
internal static class Sizes
{
    public static string Format(long sizeBytes) => sizeBytes >= 1L << 30 ? $"{sizeBytes / (double)(1L << 30):0.##} GiB" : $"{sizeBytes / (double)(1L << 20):0} MiB";
}
