using System.Runtime.Versioning;
using System.Text.Json;

namespace Cscm.Demo.Tests;

/// <summary>./demo itself, in its quick mode: every step, as root and as an ordinary user, undisturbed and interrupted.</summary>
public sealed class DemoTests : IAsyncLifetime
{
    private const string Published = "stage and publish them";
    private const int Terminated = 128 + 15;

    private static readonly string[] s_steps =
        ["driver", "containers", "create", "publish", "stream", "record", "reread", "isolation", "btree", "snapshot", "expand", "delete"];
    private static readonly string[] s_rootsSteps = ["file-pool", "snapshot"];

    private readonly string _directory = Directory.CreateDirectory(Path.Combine("/var/tmp", $"cscm-test-{Guid.NewGuid():N}"[..20])).FullName;
    private readonly string _report = Path.GetTempFileName();

    /// <summary>The first test builds, the others find it built; the time limits of the runs are their own.</summary>
    public async Task InitializeAsync()
    {
        if (Needs.MissingForRoot is not null)
            return;
        // Elsewhere: what a compiler leaves in its temporary directory is not the demo's.
        using DemoRun build = DemoRun.Start(Path.GetTempPath(), ["--build"]);
        Assert.True(await build.WaitAsync() == 0, build.Output);
    }

    public Task DisposeAsync()
    {
        File.Delete(_report);
        Directory.Delete(_directory, recursive: true);
        return Task.CompletedTask;
    }

    [DemoFact]
    public async Task Every_step_is_shown_and_nothing_stays_behind()
    {
        using DemoRun run = DemoRun.Start(_directory, ["--quick", "--report", _report]);
        Assert.True(await run.WaitAsync() == 0, run.Output);

        Dictionary<string, string> outcomes = ReadOutcomes();
        Assert.Equal(s_steps, outcomes.Keys);
        Assert.All(outcomes, step => Assert.Equal("Shown", step.Value));
        Assert.Equal(["anonymous", "memory-volume", "file-volume", "file-volume-durable", "layered-durable"], ReadBandwidths().Keys);
        Assert.All(ReadBandwidths(), row => Assert.InRange(row.Value, 0.001, 10_000));
        Assert.Contains("TRIAD", run.Output, StringComparison.Ordinal);
        Assert.Empty(await Traces.FindLastingAsync(_directory));
    }

    [DemoFact]
    public async Task Without_a_container_runtime_namespaces_serve()
    {
        using DemoRun run = DemoRun.Start(_directory, ["--quick", "--runtime", "unshare", "--report", _report]);
        Assert.True(await run.WaitAsync() == 0, run.Output);
        Assert.All(ReadOutcomes(), step => Assert.Equal("Shown", step.Value));
        Assert.Empty(await Traces.FindLastingAsync(_directory));
    }

    [OrdinaryUserFact]
    [SupportedOSPlatform("linux")]
    public async Task An_ordinary_user_sees_what_it_may_and_is_told_what_it_may_not()
    {
        File.SetUnixFileMode(_directory, (UnixFileMode)0x1FF);
        File.SetUnixFileMode(_report, (UnixFileMode)0x1B6);
        using DemoRun run = DemoRun.Start(_directory, ["--quick", "--report", _report], Needs.User);
        Assert.True(await run.WaitAsync() == 0, run.Output);

        Dictionary<string, string> outcomes = ReadOutcomes();
        Assert.Equal(s_steps.Except(s_rootsSteps).Order(), outcomes.Where(step => step.Value == "Shown").Select(step => step.Key).Order());
        Assert.Equal(s_rootsSteps.Order(), outcomes.Where(step => step.Value == "LeftOut").Select(step => step.Key).Order());
        Assert.Contains("run ./demo as root", run.Output, StringComparison.Ordinal);
        Assert.Empty(await Traces.FindLastingAsync(_directory));
    }

    [DemoFact]
    public async Task Terminated_half_way_it_cleans_up()
    {
        using DemoRun run = DemoRun.Start(_directory, ["--quick"], awaited: Published);
        await run.WaitForTextAsync();
        Assert.NotEmpty(Traces.Find(_directory));
        run.Terminate();
        Assert.Equal(Terminated, await run.WaitAsync());
        Assert.Contains("interrupted", run.Output, StringComparison.Ordinal);
        Assert.Empty(await Traces.FindLastingAsync(_directory));
    }

    [DemoFact]
    public async Task Killed_half_way_the_next_run_cleans_up_and_succeeds()
    {
        using (DemoRun killed = DemoRun.Start(_directory, ["--quick"], awaited: Published))
        {
            await killed.WaitForTextAsync();
            killed.KillAll();
            await killed.WaitAsync();
        }
        Assert.NotEmpty(Traces.Find(_directory));

        using DemoRun run = DemoRun.Start(_directory, ["--quick"]);
        Assert.True(await run.WaitAsync() == 0, run.Output);
        Assert.Contains("cleaning up after a run that was interrupted", run.Output, StringComparison.Ordinal);
        Assert.Empty(await Traces.FindLastingAsync(_directory));
    }

    [DemoFact]
    public async Task A_second_run_beside_the_first_is_refused()
    {
        using DemoRun first = DemoRun.Start(_directory, ["--quick"], awaited: Published);
        await first.WaitForTextAsync();
        using (DemoRun second = DemoRun.Start(_directory, ["--quick"]))
        {
            Assert.Equal(1, await second.WaitAsync());
            Assert.Contains("another ./demo of yours is running", second.Output, StringComparison.Ordinal);
        }
        Assert.True(await first.WaitAsync() == 0, first.Output);
        Assert.Empty(await Traces.FindLastingAsync(_directory));
    }

    [DemoFact]
    public async Task A_mistake_in_the_arguments_is_named()
    {
        using DemoRun unknown = DemoRun.Start(_directory, ["--fast"]);
        Assert.Equal(1, await unknown.WaitAsync());
        Assert.Contains("'--fast' is unknown", unknown.Output, StringComparison.Ordinal);

        using DemoRun runtime = DemoRun.Start(_directory, ["--quick", "--runtime", "docker"]);
        Assert.Equal(1, await runtime.WaitAsync());
        Assert.Contains("'docker' starts no containers: use runc, crun, unshare", runtime.Output, StringComparison.Ordinal);
        Assert.Empty(await Traces.FindLastingAsync(_directory));
    }

    private Dictionary<string, string> ReadOutcomes()
    {
        using JsonDocument report = JsonDocument.Parse(File.ReadAllText(_report));
        return report.RootElement.GetProperty("steps").EnumerateArray()
            .ToDictionary(step => step.GetProperty("name").GetString()!, step => step.GetProperty("outcome").GetString()!);
    }

    private Dictionary<string, double> ReadBandwidths()
    {
        using JsonDocument report = JsonDocument.Parse(File.ReadAllText(_report));
        return report.RootElement.GetProperty("stream").EnumerateArray()
            .ToDictionary(row => row.GetProperty("name").GetString()!, row => row.GetProperty("triad_gbs").GetDouble());
    }
}
