namespace Cscm.Machine.Tests;

/// <summary>
/// Volumes live on a pool, the power goes at some moment, and the driver starts over what is left; its state is on a second NVDIMM. A few
/// cuts each, or as many as <c>CSCM_POWER_CUTS</c> says.
/// </summary>
internal static class PowerCuts
{
    private const int UsualCuts = 2;
    private const int MostLines = 14;
    private const string StateNode = "/dev/pmem1";

    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(3);

    private static int Cuts => int.TryParse(Environment.GetEnvironmentVariable("CSCM_POWER_CUTS"), out int cuts) ? cuts : UsualCuts;

    public static async Task RunAsync(string pool)
    {
        await using VirtualMachine machine = await Machines.StartAsync(new MachineOptions
        {
            Nvdimms = [new Nvdimm(512L << 20), new Nvdimm(128L << 20)],
            PayloadDirectory = ConformanceRun.PayloadDirectory,
        });
        await machine.MustRunScriptAsync($"ndctl disable-region region0; ndctl init-labels nmem0; ndctl enable-region region0; mkfs.ext4 -q {StateNode}");
        var random = new Random(pool.Length);
        for (int cut = 0; cut < Cuts; cut++)
        {
            int lines = 1 + random.Next(MostLines);
            await machine.MustRunScriptAsync($"mkdir -p /state; mount {StateNode} /state");
            GuestProcess living = await machine.StartProcessAsync(["Cscm.Storage.Conformance", "--root", "/state/root", "--pool", pool, "--live", $"{cut}"]);
            await living.WaitForOutputAsync($"(?s)(\n.*){{{lines}}}").WaitAsync(s_limit);
            await Task.Delay(random.Next(500));
            string said = living.Output;
            await machine.PowerCutAsync();
            await machine.StartAgainAsync();
            await machine.MustRunScriptAsync($"mkdir -p /state; mount {StateNode} /state");
            ExecResult check = await machine.RunAsync(["Cscm.Storage.Conformance", "--root", "/state/root", "--pool", pool, "--check", "1"], limit: s_limit);
            Assert.True(check.ExitCode == 0 && check.Output.Contains("checked", StringComparison.Ordinal), $"cut {cut} after {lines} lines:\n{said}\nthen:\n{check.Output}{check.Error}");
            await machine.MustRunScriptAsync("umount /state");
        }
    }
}
