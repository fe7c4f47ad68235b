namespace Cscm.Machine.Tests;

/// <summary>A volume is deleted and its erasure cut off. The next driver finishes it, and the medium holds nothing of it.</summary>
public sealed class EraseTests : IClassFixture<SavedMachine>
{
    private static readonly string[] s_pool = ["--root", "/state", "--pool", "name=fast,kind=xfs,size=1073741824,source=namespace:fast"];

    /// <summary>Of what the conformance program writes into the volume.</summary>
    private static readonly byte[] s_secret = [.. "one tenant's secret, for nobody else's eyes"u8];

    [MachineTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_erasure_that_was_cut_off_is_finished_by_the_next_driver(bool isPowerCut)
    {
        await using VirtualMachine machine = await Machines.StartAsync(new MachineOptions
        {
            Nvdimms = [new Nvdimm(512L << 20), new Nvdimm(128L << 20)],
            PayloadDirectory = Payload.Directory,
        });
        await machine.MustRunScriptAsync("""
            ndctl disable-region all; ndctl init-labels all; ndctl enable-region all
            ndctl create-namespace --region=region0 --mode=fsdax --name=fast; ndctl create-namespace --region=region1 --mode=fsdax --name=state
            mkfs.ext4 -q -b 4096 /dev/pmem1; mkdir /state; mount /dev/pmem1 /state
            """);
        GuestProcess driver = await machine.StartProcessAsync(["Cscm.Storage.Conformance", "delete", .. s_pool]);
        await driver.WaitForOutputAsync("erasing\n").WaitAsync(TimeSpan.FromMinutes(10));
        if (isPowerCut)
        {
            await machine.PowerCutAsync();
            await machine.StartAgainAsync();
            await machine.MustRunScriptAsync("mkdir /state; mount /dev/pmem1 /state");
        }
        else
        {
            await driver.SignalAsync(9);
            Assert.Equal(137, (await driver.WaitForExitAsync()).ExitCode);
        }
        Assert.InRange(Figure(driver.Output, "deleted_ms"), 0, 999);
        Assert.True(Figure(driver.Output, "erasing_bytes") > 0, driver.Output);

        Assert.True(await machine.IsOnNvdimmAsync(0, s_secret), "nothing of the volume is left: its erasure was not cut off");
        ExecResult finish = await machine.RunAsync(["Cscm.Storage.Conformance", "finish", .. s_pool]);
        Assert.True(finish.ExitCode == 0, finish.Output + finish.Error);
        Assert.True(Figure(finish.Output, "left_bytes") > 0, finish.Output);
        Assert.Equal(0, Figure(finish.Output, "erasing_bytes"));
        Assert.False(await machine.IsOnNvdimmAsync(0, s_secret), "the medium still holds what was deleted");
        ExecResult search = await machine.RunAsync(["Cscm.Storage.Conformance", "search-new", .. s_pool]);
        Assert.True(search.ExitCode == 0 && search.Output.Contains("in_new_volume=False", StringComparison.Ordinal), search.Output + search.Error);
    }

    private static long Figure(string output, string name) => long.Parse(output.Split(name + "=")[1].Split(' ', '\n')[0]);
}
