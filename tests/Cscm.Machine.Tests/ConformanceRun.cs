using Cscm.Storage;
using Cscm.Storage.Conformance;
using Xunit.Abstractions;

namespace Cscm.Machine.Tests;

/// <summary>The conformance suite over one pool in a machine: run once, by one process, and every scenario becomes a test of its own.</summary>
public abstract class ConformanceRun(string pool, string preparation, int sizeMib = 1024) : IAsyncLifetime
{
    /// <summary>Against a suite that hangs; processors may be emulated, few and busy.</summary>
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(20);

    private readonly Dictionary<string, string> _outcomes = new(StringComparer.Ordinal);
    private string _said = "";

    public async Task InitializeAsync()
    {
        if (Machines.WhyUnavailable is not null)
            return;
        await using VirtualMachine machine = await Machines.StartAsync(new MachineOptions { Nvdimms = [new Nvdimm((long)sizeMib << 20)], PayloadDirectory = Payload.Directory });
        await machine.MustRunScriptAsync("ndctl disable-region region0; ndctl init-labels nmem0; ndctl enable-region region0");
        if (preparation.Length > 0)
            await machine.MustRunScriptAsync(preparation);
        ExecResult result = await machine.RunAsync(["Cscm.Storage.Conformance", "--root", "/tmp/conformance", "--pool", pool], limit: s_limit);
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
        Assert.True(_outcomes.TryGetValue(scenario, out string? outcome), $"the suite did not get to {scenario}:\n{_said}");
        output.WriteLine($"in the machine: {outcome.Split(' ')[1]} ms");
        Assert.True(outcome.StartsWith("pass", StringComparison.Ordinal), outcome);
    }

    public static TheoryData<string> ScenariosOf(PoolKind kind) => [.. Suite.For(kind).Select(scenario => scenario.Name)];
}
