namespace Cscm.Machine.Tests;

/// <summary>What the other tests rely on in the machine itself.</summary>
public sealed class MachineTests : IClassFixture<SavedMachine>
{
    private const long Gib = 1L << 30;

    private static readonly MachineOptions s_oneNvdimm = new() { Nvdimms = [new Nvdimm(1 * Gib)], PayloadDirectory = Payload.Directory };

    [MachineFact]
    public async Task A_command_gets_arguments_environment_and_input_and_gives_back_output_and_exit_code()
    {
        await using VirtualMachine machine = await Machines.StartAsync(s_oneNvdimm);
        var environment = new Dictionary<string, string> { ["COLOUR"] = "blue" };
        ExecResult result = await machine.RunAsync(["sh", "-c", "echo \"$1\" \"$COLOUR\"; cat; echo wrong >&2; exit 3", "sh", "two words"], environment, "input"u8.ToArray());
        Assert.Equal(("two words blue\ninput", "wrong\n", 3), (result.Output, result.Error, result.ExitCode));
    }

    [MachineFact]
    public async Task Two_machines_of_one_saved_state_have_their_own_time_and_random_numbers()
    {
        await using VirtualMachine one = await Machines.StartAsync(s_oneNvdimm);
        await using VirtualMachine other = await Machines.StartAsync(s_oneNvdimm);
        string[] random = [await one.MustRunAsync("cat", "/proc/sys/kernel/random/uuid"), await other.MustRunAsync("cat", "/proc/sys/kernel/random/uuid")];
        Assert.NotEqual(random[0], random[1]);
        long secondsOff = long.Parse(await other.MustRunAsync("date", "+%s")) - TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();
        Assert.InRange(secondsOff, -5, 5);
    }

    [MachineFact]
    public async Task What_was_flushed_survives_a_power_cut_and_what_is_in_memory_does_not()
    {
        await using VirtualMachine machine = await Machines.StartAsync(s_oneNvdimm);
        await machine.MustRunScriptAsync("""
            ndctl disable-region all; ndctl init-labels all; ndctl enable-region all
            ndctl create-namespace --mode=fsdax
            mkfs.xfs -q /dev/pmem0; mkdir -p /mnt/volume; mount -o dax=always /dev/pmem0 /mnt/volume
            touch /run/volatile
            """);
        await machine.RunUntilPowerCutAsync(["sh", "-c", "echo kept >/mnt/volume/file; sync /mnt/volume/file; echo flushed; sleep 60"], "flushed");
        await Assert.ThrowsAsync<MachineException>(() => machine.MustRunAsync("true"));

        await machine.StartAgainAsync();
        await machine.MustRunScriptAsync("mkdir -p /mnt/volume; mount -o dax=always /dev/pmem0 /mnt/volume");
        Assert.Equal("kept\n", await machine.MustRunAsync("cat", "/mnt/volume/file"));
        Assert.NotEqual(0, (await machine.RunAsync(["test", "-e", "/run/volatile"])).ExitCode);
    }

    [MachineFact]
    public async Task An_nvdimm_can_be_plugged_in_while_the_machine_runs()
    {
        await using VirtualMachine machine = await Machines.StartAsync(s_oneNvdimm);
        await machine.PlugAsync(new Nvdimm(512L << 20));
        await machine.MustRunScriptAsync("for i in $(seq 100); do [ ! -e /sys/bus/nd/devices/region1 ] || exit 0; sleep 0.1; done; exit 1");
    }
}
