using Cscm.Memory.CrashTests.Exploration;
using Cscm.Memory.CrashTests.Scenarios;
using Xunit.Abstractions;

namespace Cscm.Memory.CrashTests;

/// <summary>Every state that a power failure could leave recovers to what the application was promised.</summary>
public sealed class CrashStateTests(ITestOutputHelper output)
{
    private const int Seed = 20_161;

    public static TheoryData<string> Scenarios()
    {
        var data = new TheoryData<string>();
        foreach (CrashScenario scenario in ScenarioTable.All)
            data.Add(scenario.Name);
        return data;
    }

    [Theory]
    [MemberData(nameof(Scenarios))]
    public void What_was_acknowledged_survives_whole_and_what_was_not_is_whole_or_absent(string name)
    {
        CrashScenario scenario = ScenarioTable.All.Single(candidate => candidate.Name == name);
        RecordedRun run = RecordedRun.Record(scenario);
        var watch = System.Diagnostics.Stopwatch.StartNew();
        ExplorationResult found = Explorer.Explore(run, sampleCount: 200, Seed);
        output.WriteLine($"{name}: {found.DistinctStates} distinct states over {run.Events.Count} events in {watch.Elapsed.TotalSeconds:F1} s, seed {Seed}");
        Assert.Empty(found.Violations);
        Assert.True(found.DistinctStates > run.Events.Count / 4, "too few states to mean anything");
    }
}
