using System.Globalization;

namespace Cscm.Demo.Machine;

/// <summary>What this process may do (capabilities(7)).</summary>
internal static class Capabilities
{
    public const int SystemResource = 24;

    public static bool Has(int capability)
    {
        const string Effective = "CapEff:";
        string line = File.ReadLines("/proc/self/status").First(text => text.StartsWith(Effective, StringComparison.Ordinal));
        return (ulong.Parse(line.AsSpan(Effective.Length).Trim(), NumberStyles.HexNumber) >> capability & 1) != 0;
    }
}
