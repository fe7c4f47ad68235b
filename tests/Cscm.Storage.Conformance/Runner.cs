using System.Diagnostics;

namespace Cscm.Storage.Conformance;

/// <summary>How a scenario went; <paramref name="Failure"/> is null if the pool did what it must.</summary>
public sealed record Outcome(string Scenario, TimeSpan Duration, string? Failure);

/// <summary>Runs scenarios over one pool, one after the other, and holds after each that nothing of it is left.</summary>
public static class Runner
{
    public static async IAsyncEnumerable<Outcome> RunAsync(PoolOptions pool, string root, IEnumerable<Scenario> scenarios)
    {
        await using Bed bed = await Bed.OpenAsync(pool, root);
        foreach (Scenario scenario in scenarios)
        {
            long start = Stopwatch.GetTimestamp();
            string? failure = await RunOneAsync(bed, scenario);
            yield return new Outcome(scenario.Name, Stopwatch.GetElapsedTime(start), failure);
        }
    }

    private static async Task<string?> RunOneAsync(Bed bed, Scenario scenario)
    {
        string? failure = null;
        try
        {
            await bed.SettleAsync();
            PoolCapacity before = bed.Pool.Capacity;
            await scenario.RunAsync(bed);
            await bed.SettleAsync();
            Require.That(bed.Manager.ListVolumes().Count == 0 && bed.Manager.ListSnapshots().Count == 0, "the scenario left volumes or snapshots behind");
            // What others write to the disk below a file pool meanwhile is not its doing.
            if (bed.Options.Kind != PoolKind.File)
                Require.Equal(before.AvailableBytes, bed.Pool.Capacity.AvailableBytes);
            Require.Equal("", string.Join("; ", bed.Manager.GetPoolHealth().Select(health => health.Message)));
        }
        catch (Exception e)
        {
            failure = e is ConformanceException or StorageException ? e.Message : e.ToString();
        }
        try
        {
            await bed.CleanUpAsync();
        }
        catch (Exception e)
        {
            failure ??= $"could not be cleaned up after: {e.Message}";
        }
        string log = string.Join("; ", bed.TakeLog());
        return failure is null ? null : log.Length > 0 ? $"{failure} [log: {log}]" : failure;
    }
}
