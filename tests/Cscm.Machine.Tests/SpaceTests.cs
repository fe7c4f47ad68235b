using System.Globalization;
using Xunit.Abstractions;

namespace Cscm.Machine.Tests;

/// <summary>
/// How space fares in a random run of creations, growths and removals: short by default, CSCM_RANDOM_ACTS=1000 for a long one, CSCM_RANDOM_SEED=7
/// for another one.
/// </summary>
public sealed class SpaceTests(ITestOutputHelper output) : IClassFixture<SavedMachine>
{
    private static readonly int s_seed = Number("CSCM_RANDOM_SEED", 20180130);

    [MachineTheory]
    [InlineData("xfs", 24)]
    [InlineData("lvm", 24)]
    [InlineData("namespace", 3)]
    public async Task A_random_run_loses_no_space_keeps_the_offer_true_and_leaves_new_volumes_mapped_by_2_mib(string kind, int actsInShort)
    {
        int acts = Number("CSCM_RANDOM_ACTS", actsInShort);
        await using VirtualMachine machine = await Machines.StartAsync(new MachineOptions { Nvdimms = [new Nvdimm(1024L << 20)], PayloadDirectory = Payload.Directory });
        await machine.MustRunScriptAsync("ndctl disable-region all; ndctl init-labels all; ndctl enable-region all");
        if (kind == "xfs")
            await machine.MustRunAsync("ndctl", "create-namespace", "--region=region0", "--mode=fsdax", "--name=fast");
        string pool = $"name=fast,kind={kind},size={(kind == "xfs" ? "1024Mi" : "900Mi")},source={(kind == "xfs" ? "namespace:fast" : "region0")}";
        ExecResult run = await machine.RunAsync(
            ["Cscm.Storage.Conformance", "lives", "--root", "/tmp/space", "--pool", pool, "--seed", $"{s_seed}", "--acts", $"{acts}"],
            limit: TimeSpan.FromMinutes(5) + (acts * TimeSpan.FromSeconds(10)));
        output.WriteLine(run.Output);
        Assert.True(run.ExitCode == 0 && run.Output.Contains("whole again", StringComparison.Ordinal), run.Output + run.Error);
    }

    private static int Number(string variable, int otherwise)
        => int.TryParse(Environment.GetEnvironmentVariable(variable), NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number : otherwise;
}
