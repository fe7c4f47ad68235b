using System.Diagnostics;

namespace Cscm.Storage.Conformance;

/// <summary>How a scenario went; <paramref name="Failure"/> is null if the pool did what it must.</summary>
public sealed record Outcome(string Scenario, TimeSpan Duration, string? Failure)
{
    /// <summary>Runs what throws if the pool does not do what it must.</summary>
    public static async Task<Outcome> OfAsync(string scenario, Func<Task> run)
    {
        long start = Stopwatch.GetTimestamp();
        string? failure = null;
        try
        {
            await run();
        }
        catch (Exception e)
        {
            failure = e is ConformanceException or StorageException ? e.Message : e.ToString();
        }
        return new Outcome(scenario, Stopwatch.GetElapsedTime(start), failure);
    }

    /// <summary>A line: pass NAME MILLISECONDS, or fail NAME MILLISECONDS WHY.</summary>
    public string ToLine() => Failure is null ? $"pass {Scenario} {Duration.TotalMilliseconds:F0}" : $"fail {Scenario} {Duration.TotalMilliseconds:F0} {Failure.ReplaceLineEndings(" | ")}";
}

/// <summary>Runs scenarios over one pool, one after the other, and holds after each that nothing of it is left.</summary>
public static class Runner
{
    public static async IAsyncEnumerable<Outcome> RunAsync(PoolOptions pool, string root, IEnumerable<Scenario> scenarios, DaxPolicy? dax = null)
    {
        await using Bed bed = await Bed.OpenAsync(pool, root, dax);
        foreach (Scenario scenario in scenarios)
            yield return await RunOneAsync(bed, scenario);
    }

    private static async Task<Outcome> RunOneAsync(Bed bed, Scenario scenario)
    {
        Outcome run = await Outcome.OfAsync(scenario.Name, async () =>
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
        });
        Outcome cleanUp = await Outcome.OfAsync(scenario.Name, bed.CleanUpAsync);
        string? failure = run.Failure ?? (cleanUp.Failure is null ? null : $"could not be cleaned up after: {cleanUp.Failure}");
        string log = string.Join("; ", bed.TakeLog());
        return new Outcome(scenario.Name, run.Duration + cleanUp.Duration, failure is null || log.Length == 0 ? failure : $"{failure} [log: {log}]");
    }
}
