using System.Diagnostics;
using Cscm.Demo.Machine;
using Cscm.Demo.Orchestration;

namespace Cscm.Demo.Story;

/// <summary>Whether the driver, once it was told to delete everything, has left anything.</summary>
internal static class Cleanliness
{
    private const long ImageBytes = 1 << 20;

    /// <summary>Deletion returns at once; the space is erased behind it.</summary>
    private static readonly TimeSpan s_eraseLimit = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(20);

    /// <exception cref="DemoException">Something is still there when the time is over.</exception>
    public static async Task WaitAsync(Orchestrator orchestrator, IReadOnlyDictionary<string, long> capacityBytes, IReadOnlyList<string> directories)
    {
        var clock = Stopwatch.StartNew();
        while (true)
        {
            List<string> left = await FindAsync(orchestrator, capacityBytes, directories);
            if (left.Count == 0)
                return;
            if (clock.Elapsed > s_eraseLimit)
                throw new DemoException($"left behind by the driver: {string.Join(", ", left)}");
            await Task.Delay(s_pause);
        }
    }

    private static async Task<List<string>> FindAsync(
        Orchestrator orchestrator, IReadOnlyDictionary<string, long> capacityBytes, IReadOnlyList<string> directories)
    {
        var left = new List<string>();
        int volumes = await orchestrator.CountVolumesAsync();
        if (volumes > 0)
            left.Add($"{volumes} volumes");
        foreach ((string pool, long before) in capacityBytes)
        {
            long now = await orchestrator.GetCapacityAsync(pool);
            if (now < before)
                left.Add($"{before - now} bytes of pool {pool}");
        }
        foreach (string directory in directories)
        {
            left.AddRange(Leftovers.Find(directory));
            left.AddRange(Leftovers.FindFiles(directory, "*").Where(file => new FileInfo(file).Length >= ImageBytes));
        }
        return left;
    }
}
