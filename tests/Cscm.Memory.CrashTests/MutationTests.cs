using Cscm.Memory.CrashTests.Exploration;
using Cscm.Memory.CrashTests.Scenarios;
using Cscm.Memory.Medium;
using Xunit.Abstractions;

namespace Cscm.Memory.CrashTests;

/// <summary>
/// The proof of the proof: with any one fence, write-back, checksum or salt left out of the library, the crash states show it. A site that
/// can be left out unnoticed is either not needed or not tested.
/// </summary>
public sealed class MutationTests(ITestOutputHelper output)
{
    public static TheoryData<string> Sites()
    {
        var data = new TheoryData<string>();
        foreach (PersistSite site in Enum.GetValues<PersistSite>().Where(IsMutation))
            data.Add(site.ToString());
        return data;
    }

    [Theory]
    [MemberData(nameof(Sites))]
    public void Leaving_out_any_one_of_them_is_noticed(string siteName)
    {
        PersistSite site = Enum.Parse<PersistSite>(siteName);
        foreach (CrashScenario scenario in ScenarioTable.ForMutations)
        {
            if (FindViolation(scenario, site) is string violation)
            {
                output.WriteLine($"{site}: {violation}");
                return;
            }
        }
        if (DamageProbe.FindSilentDamage(site) is string damage)
        {
            output.WriteLine($"{site}: {damage}");
            return;
        }
        Assert.Fail($"{site} was left out and no scenario noticed");
    }

    public static TheoryData<string, string> Ways()
    {
        var data = new TheoryData<string, string>();
        foreach (string scenario in (string[])[nameof(FieldsScenario), nameof(GuardedFieldsScenario), nameof(OneLeafScenario)])
        {
            foreach (PersistSite site in (PersistSite[])[PersistSite.FenceCommit, PersistSite.ChecksumRecord, PersistSite.WriteBackHomes])
                data.Add(scenario, site.ToString());
        }
        return data;
    }

    /// <summary>A commit without handlers, one that can bear failures, and an operation that goes to the log directly.</summary>
    [Theory]
    [MemberData(nameof(Ways))]
    public void Each_way_of_committing_needs_them_by_itself(string scenarioName, string siteName)
    {
        CrashScenario scenario = scenarioName switch
        {
            nameof(FieldsScenario) => new FieldsScenario(),
            nameof(GuardedFieldsScenario) => new GuardedFieldsScenario(),
            _ => new OneLeafScenario(),
        };
        string? violation = FindViolation(scenario, Enum.Parse<PersistSite>(siteName));
        Assert.NotNull(violation);
        output.WriteLine(violation);
    }

    [Fact]
    public void With_everything_in_place_no_damage_passes_in_silence() => Assert.Null(DamageProbe.FindSilentDamage(dropped: null));

    private static string? FindViolation(CrashScenario scenario, PersistSite site)
    {
        RecordedRun run;
        try
        {
            run = RecordedRun.Record(scenario, site);
        }
        catch (Exception exception) when (exception is not Xunit.Sdk.XunitException)
        {
            return $"{scenario.Name} fails even without a crash: {exception.Message}";
        }
        // What recovery leaves out shows only when it is itself cut short.
        bool isOfRecovery = site.ToString().Contains("Recover", StringComparison.Ordinal);
        var options = new ExplorationOptions { Dropped = site, Thoroughness = isOfRecovery ? 0.06 : 0.3, RecoveryEvery = isOfRecovery ? 3 : 0 };
        return Explorer.Explore(run, options).Violations is [Violation first, ..] ? first.ToString() : null;
    }

    /// <summary>Stores only carry labels; everything else is a promise that can be broken.</summary>
    private static bool IsMutation(PersistSite site) => !site.ToString().StartsWith("Store", StringComparison.Ordinal);
}
