using Xunit.Abstractions;

namespace Cscm.Machine.Tests;

/// <summary>Scenarios in one machine: run by one process, which says how each went, and every one of them becomes a test of its own.</summary>
/// <param name="options">The machine.</param>
/// <param name="preparation">Lines of shell.</param>
/// <param name="command">Writes a line per scenario: pass NAME MILLISECONDS, or fail NAME MILLISECONDS WHY.</param>
public class ScenarioRun(MachineOptions options, string preparation, IReadOnlyList<string> command) : IAsyncLifetime
{
    private readonly Dictionary<string, string> _outcomes = new(StringComparer.Ordinal);
    private string _said = "";

    /// <summary>Against a run that hangs; processors may be emulated, few and busy.</summary>
    protected virtual TimeSpan Limit => TimeSpan.FromMinutes(20);

    public async Task InitializeAsync()
    {
        if (Machines.WhyUnavailable is not null)
            return;
        await using VirtualMachine machine = await Machines.StartAsync(options);
        await machine.MustRunScriptAsync(preparation);
        ExecResult result = await machine.RunAsync(command, limit: Limit);
        _said = result.Output + result.Error;
        foreach (string line in result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            string[] words = line.Split(' ', 3);
            if (words.Length == 3 && words[0] is "pass" or "fail")
                _outcomes[words[1]] = words[0] + " " + words[2];
        }
    }

    public Task DisposeAsync() => Task.CompletedTask;

    /// <summary>Passes if the scenario did; says how long it took there, as the test itself only looks it up.</summary>
    public void Require(string scenario, ITestOutputHelper output)
    {
        Assert.True(_outcomes.TryGetValue(scenario, out string? outcome), $"the run did not get to {scenario}:\n{_said}");
        output.WriteLine($"in the machine: {outcome.Split(' ')[1]} ms");
        Assert.True(outcome.StartsWith("pass", StringComparison.Ordinal), $"{outcome}\n{_said}");
    }
}
