using System.Diagnostics;
using System.Globalization;
using Cscm.Memory.CrashTests.Exploration;
using Cscm.Memory.CrashTests.Scenarios;
using Xunit.Abstractions;

namespace Cscm.Memory.CrashTests;

/// <summary>The same exploration with ever new seeds, for a night.</summary>
public sealed class EndlessTests(ITestOutputHelper output)
{
    private const string Variable = "CSCM_CRASH_MINUTES";

    [NightFact]
    public void For_as_many_minutes_as_asked_no_seed_finds_a_state_that_breaks_a_promise()
    {
        var limit = TimeSpan.FromMinutes(double.Parse(Environment.GetEnvironmentVariable(Variable)!, CultureInfo.InvariantCulture));
        var watch = Stopwatch.StartNew();
        long stateCount = 0;
        for (int round = 0; watch.Elapsed < limit; round++)
        {
            int seed = unchecked((int)Stopwatch.GetTimestamp());
            Parallel.ForEach(ScenarioTable.All, scenario =>
            {
                var options = new ExplorationOptions { Seed = seed, Thoroughness = 3, RecoveryEvery = 200 };
                ExplorationResult found = Explorer.Explore(RecordedRun.Record(scenario), options);
                long soFar = Interlocked.Add(ref stateCount, found.DistinctStates);
                Console.WriteLine($"{watch.Elapsed:hh\\:mm\\:ss} round {round}, seed {seed}: {scenario.Name}, {soFar} states so far");
                Assert.True(found.Violations.Count == 0, $"seed {seed}: {string.Join(Environment.NewLine, found.Violations)}");
            });
        }
        output.WriteLine($"{stateCount} states in {watch.Elapsed.TotalMinutes:F0} minutes");
        Assert.True(stateCount > 0);
    }

    private sealed class NightFactAttribute : FactAttribute
    {
        public NightFactAttribute()
        {
            if (string.IsNullOrEmpty(Environment.GetEnvironmentVariable(Variable)))
                Skip = $"runs for a night, not in ./test: {Variable}=480 dotnet test -c Release tests/Cscm.Memory.CrashTests --filter Endless";
        }
    }
}
