using System.Globalization;
using System.Text;
using Cscm.Storage.Linux;
using Cscm.Storage.Regions;

namespace Cscm.Storage.Pools.Devices;

/// <summary>
/// Whether power went while data was in flight since a pool was last opened: modules count that, and the pool remembers the counts in a
/// file. By the identity of a region's set of modules, as its name is the kernel's for one boot only. Immutable.
/// </summary>
internal sealed class UnsafeShutdowns
{
    private readonly IReadOnlyList<string> _regions;

    private UnsafeShutdowns(IReadOnlyList<string> regions) => _regions = regions;

    /// <summary>Compares with what was remembered, and remembers what is.</summary>
    public static UnsafeShutdowns Read(string file, IEnumerable<Region> regions)
    {
        Dictionary<string, long> before = File.Exists(file)
            ? File.ReadLines(file).Select(line => line.Split(' ')).Where(words => words.Length == 2).ToDictionary(words => words[0], words => long.Parse(words[1], CultureInfo.InvariantCulture), StringComparer.Ordinal)
            : [];
        var now = new Dictionary<string, long>(before, StringComparer.Ordinal);
        var unsafeRegions = new List<string>();
        foreach (Region region in regions.Where(region => region.Devices.Any(device => device.UnsafeShutdowns is not null)))
        {
            string identity = region.InterleaveSet?.ToString("x", CultureInfo.InvariantCulture) ?? region.Name;
            long count = region.Devices.Sum(device => device.UnsafeShutdowns ?? 0);
            if (before.TryGetValue(identity, out long old) && count > old)
                unsafeRegions.Add(region.Name);
            now[identity] = count;
        }
        if (now.Count != before.Count || now.Any(pair => before.GetValueOrDefault(pair.Key) != pair.Value))
            Files.ReplaceDurably(file, Encoding.ASCII.GetBytes(string.Concat(now.Select(pair => $"{pair.Key} {pair.Value}\n"))));
        return new UnsafeShutdowns(unsafeRegions);
    }

    public IEnumerable<PoolHealth> Examine(string pool) => _regions.Select(region => new PoolHealth(
        pool, HealthKind.Degraded, "UnsafeShutdown",
        $"power went while data was on its way to {region}, since pool {pool} was last opened: check the volumes there; a restart of the driver takes this as read"));
}
