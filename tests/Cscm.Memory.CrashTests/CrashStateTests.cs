using System.Collections.Concurrent;
using System.Diagnostics;
using Cscm.Memory.CrashTests.Exploration;
using Cscm.Memory.CrashTests.Scenarios;
using Xunit.Abstractions;

namespace Cscm.Memory.CrashTests;

/// <summary>Every state that a power failure could leave recovers to what the application was promised.</summary>
public sealed class CrashStateTests(ITestOutputHelper output)
{
    private const long WantedStates = 1_000_000;

    [Fact]
    public void In_a_million_crash_states_what_was_acknowledged_is_there_and_nothing_is_there_by_half()
    {
        var watch = Stopwatch.StartNew();
        long stateCount = 0;
        var violations = new List<Violation>();
        var lines = new List<string>();
        var gate = new Lock();
        // One by one, so that a long scenario at the end does not leave a processor idle.
        Parallel.ForEach(Partitioner.Create(ScenarioTable.All, EnumerablePartitionerOptions.NoBuffering), new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount }, scenario =>
        {
            RecordedRun run = RecordedRun.Record(scenario);
            var options = new ExplorationOptions();
            ExplorationResult found = Explorer.Explore(run, options);
            lock (gate)
            {
                stateCount += found.DistinctStates;
                violations.AddRange(found.Violations);
                lines.Add($"{watch.Elapsed.TotalSeconds:F0} s {scenario.Name}: {found.DistinctStates} states ({found.RecoveryStates} in recoveries) over {found.EventCount} events, seed {options.Seed}");
            }
        });
        foreach (string line in lines)
            output.WriteLine(line);
        output.WriteLine($"{stateCount} distinct crash states in {watch.Elapsed.TotalSeconds:F0} s");
        Assert.Empty(violations);
        Assert.True(stateCount >= WantedStates, $"only {stateCount} distinct crash states: the scenarios or the samples have shrunk");
    }
}
