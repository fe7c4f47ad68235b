using System.Globalization;
using System.Text;

namespace Cscm.Machine.Tests;

/// <summary>
/// The power is cut at random moments of volumes' lives. State and pool lie on NVDIMMs; what the driver had said to be done must be there
/// after the next start. One cut of each by default; CSCM_POWER_CUTS=200 for as many of each.
/// </summary>
public sealed class PowerCutTests : IClassFixture<SavedMachine>
{
    private const long Mib = 1L << 20;
    private const int Seed = 20161116;
    private static readonly int s_cuts = int.TryParse(Environment.GetEnvironmentVariable("CSCM_POWER_CUTS"), NumberStyles.None, CultureInfo.InvariantCulture, out int cuts) ? cuts : 1;

    [MachineTheory]
    [InlineData("xfs")]
    [InlineData("lvm")]
    [InlineData("namespace")]
    public async Task After_a_power_cut_at_any_moment_what_was_done_is_there(string kind)
    {
        await using VirtualMachine machine = await StartAsync();
        if (kind != "namespace")
            await machine.MustRunAsync("ndctl", "create-namespace", "--region=region0", "--mode=fsdax", "--name=fast");
        var random = new Random(Seed);
        for (int cut = 0; cut < s_cuts; cut++)
        {
            string[] pool = ["--root", "/state", "--pool", $"name=fast,kind={kind},size=1073741824,source={(kind == "namespace" ? "region0" : "namespace:fast")}"];
            GuestProcess churn = await machine.StartProcessAsync(["Cscm.Storage.Conformance", "churn", .. pool, "--seed", $"{Seed + cut}"]);
            await churn.WaitForOutputAsync($@"(begin|done)(.*\n){{{random.Next(2, 25)}}}").WaitAsync(TimeSpan.FromMinutes(10));
            await Task.Delay(random.Next(200));
            await machine.PowerCutAsync();
            string said = churn.Output;

            await StartAgainAsync(machine);
            ExecResult verified = await machine.RunAsync(["Cscm.Storage.Conformance", "verify", .. pool], input: Encoding.UTF8.GetBytes(said));
            Assert.True(verified.ExitCode == 0 && verified.Output.Contains("verified", StringComparison.Ordinal), $"cut {cut} (seed {Seed}) after\n{said}\n{verified.Output}{verified.Error}");
        }
    }

    [MachineFact]
    public async Task Volumes_made_a_moment_before_a_power_cut_are_there()
    {
        await using VirtualMachine machine = await StartAsync();
        await machine.MustRunAsync("ndctl", "create-namespace", "--region=region0", "--mode=fsdax", "--name=fast");
        string[] pool = ["--root", "/state", "--pool", "name=fast,kind=xfs,size=1073741824,source=namespace:fast"];
        GuestProcess making = await machine.StartProcessAsync(["Cscm.Storage.Conformance", "make", .. pool]);
        await making.WaitForOutputAsync("made").WaitAsync(TimeSpan.FromMinutes(5));
        await machine.PowerCutAsync();

        await StartAgainAsync(machine);
        ExecResult verified = await machine.RunAsync(["Cscm.Storage.Conformance", "verify-made", .. pool]);
        Assert.True(verified.ExitCode == 0 && verified.Output.Contains("verified", StringComparison.Ordinal), verified.Output + verified.Error);
    }

    /// <summary>Two NVDIMMs: region0 for the pool, the other one for the state.</summary>
    private static async Task<VirtualMachine> StartAsync()
    {
        VirtualMachine machine = await Machines.StartAsync(new MachineOptions
        {
            Nvdimms = [new Nvdimm(1024 * Mib), new Nvdimm(128 * Mib)],
            PayloadDirectory = Payload.Directory,
        });
        await machine.MustRunScriptAsync("""
            ndctl disable-region all; ndctl init-labels all; ndctl enable-region all
            ndctl create-namespace --region=region1 --mode=fsdax --name=state
            mkfs.ext4 -q -b 4096 /dev/pmem1; mkdir /state; mount /dev/pmem1 /state
            """);
        return machine;
    }

    private static async Task StartAgainAsync(VirtualMachine machine)
    {
        await machine.StartAgainAsync();
        await machine.MustRunScriptAsync("mkdir /state; mount /dev/pmem1 /state");
    }
}
