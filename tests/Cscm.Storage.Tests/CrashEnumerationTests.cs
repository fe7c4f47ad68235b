using System.Globalization;
using Cscm.Storage.CrashHost;

namespace Cscm.Storage.Tests;

/// <summary>
/// Every operation, killed at every step: a process dies by SIGKILL just before the k-th side effect, for each k until the operation
/// completes. Further processes start over what is there, are killed at every step of their recovery in turn, and repeat the
/// operation: the state must then be that of a run which nobody killed. Taken down, nothing may be left; and the same must hold if
/// nobody repeats the operation at all.
/// </summary>
public abstract class CrashEnumeration
{
    private const int MostSteps = 60;

    /// <summary>So many steps share a process and the disk.</summary>
    private const int BatchSteps = 6;

    internal static TheoryData<string> ScenariosOf(Func<string, bool> isChosen)
        => [.. Scenarios.All.Select(scenario => scenario.Name).Where(isChosen)];

    protected static async Task StopAtEveryStepAsync(string scenario)
    {
        (string expected, string[] steps) = await InDirectoryAsync(root => RunBaselineAsync(root, scenario));
        Assert.True(steps.Length > 0, $"{scenario} reported no step, so nothing was tested");
        for (int from = 0; from < steps.Length; from += BatchSteps)
        {
            int to = Math.Min(from + BatchSteps, steps.Length);
            await InDirectoryAsync(async root =>
            {
                await StopAtAsync(root, scenario, from, to, expected);
                return true;
            });
        }
    }

    private static async Task<(string State, string[] Steps)> RunBaselineAsync(string root, string scenario)
    {
        CrashRun run = await CrashHostProcess.RunAsync("baseline", root, scenario);
        Assert.True(run.ExitCode == 0 && run.Sections("failure").Count == 0, run.Output);
        Assert.Equal("", run.Sections("left")["repeated"]);
        return (run.Sections("state")["repeated"], run.Section("steps").Split(' ', StringSplitOptions.RemoveEmptyEntries));
    }

    private static async Task StopAtAsync(string root, string scenario, int from, int to, string expected)
    {
        CrashRun run = await CrashHostProcess.RunAsync("run", root, scenario, Number(from), Number(to));
        Assert.True(run.WasKilled, run.Output);
        string story = run.Output;
        CrashRun recovery;
        int recoverySteps = 0;
        while ((recovery = await CrashHostProcess.RunAsync("recover", root, scenario, Number(recoverySteps++))).WasKilled)
        {
            Assert.True(recoverySteps < MostSteps, "the recovery does not end");
            story += recovery.Output;
        }
        Assert.True(recovery.ExitCode == 0, story + recovery.Output);
        Assert.True(recovery.Sections("failure").Count == 0, story + recovery.Output);
        Assert.Equal(to - from, recovery.Sections("state").Count);
        Assert.Equal(2 * (to - from), recovery.Sections("left").Count);
        foreach ((string directory, string left) in recovery.Sections("left"))
            Assert.True(left.Length == 0, $"{directory} left behind {left}\n{story}");
        foreach ((string directory, string state) in recovery.Sections("state"))
            Assert.True(state == expected, $"{directory}: expected\n{expected}\nfound\n{state}\n{story}");
    }

    private static async Task<T> InDirectoryAsync<T>(Func<string, Task<T>> act)
    {
        string root = StoragePaths.NewDirectory();
        try
        {
            return await act(root);
        }
        finally
        {
            StoragePaths.TakeDown(root);
        }
    }

    private static string Number(int value) => value.ToString(CultureInfo.InvariantCulture);
}

public sealed class CrashOfVolumesTests : CrashEnumeration
{
    public static TheoryData<string> Chosen => ScenariosOf(name => name.Split('-')[0] is "create" or "delete" or "modify" && name is not ("delete-snapshot" or "delete-group"));

    [Theory]
    [MemberData(nameof(Chosen))]
    public Task Killed_at_any_step_it_converges(string scenario) => StopAtEveryStepAsync(scenario);
}

public sealed class CrashOfSnapshotsAndGrowthTests : CrashEnumeration
{
    public static TheoryData<string> Chosen => ScenariosOf(name => name.Split('-')[0] is "snapshot" or "group" or "expand" or "node" || name is "delete-snapshot" or "delete-group");

    [Theory]
    [MemberData(nameof(Chosen))]
    public Task Killed_at_any_step_it_converges(string scenario) => StopAtEveryStepAsync(scenario);
}

public sealed class CrashOfMountsTests : CrashEnumeration
{
    public static TheoryData<string> Chosen => ScenariosOf(name => name.Split('-')[0] is "stage" or "unstage" or "publish" or "unpublish");

    [Theory]
    [MemberData(nameof(Chosen))]
    public Task Killed_at_any_step_it_converges(string scenario) => StopAtEveryStepAsync(scenario);

    [Fact]
    public void Every_scenario_is_run_by_one_of_these_classes()
    {
        int chosen = Chosen.Count + CrashOfVolumesTests.Chosen.Count + CrashOfSnapshotsAndGrowthTests.Chosen.Count;
        Assert.Equal(Scenarios.All.Count, chosen);
    }
}
