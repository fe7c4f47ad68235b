using System.Globalization;

namespace Cscm.E2E.Tests;

/// <summary>How long things may take: what is usual, times CSCM_E2E_PATIENCE, for nodes whose processors are emulated.</summary>
internal static class Patience
{
    private static readonly double s_factor =
        Environment.GetEnvironmentVariable("CSCM_E2E_PATIENCE") is { Length: > 0 } factor ? Math.Max(1, double.Parse(factor, CultureInfo.InvariantCulture)) : 1;

    public static TimeSpan Minutes(double usual) => TimeSpan.FromMinutes(usual * s_factor);

    /// <summary>As kubectl and helm read it.</summary>
    public static string Argument(double minutes) => $"{(long)Minutes(minutes).TotalSeconds}s";
}
