namespace Cscm.Machine.Tests;

/// <summary>The library's heap on a published volume: the platform's domain is detected, and a power cut leaves whole transactions.</summary>
public sealed class HeapTests : IClassFixture<SavedMachine>
{
    private static readonly string[] s_pool = ["--root", "/state", "--pool", "name=fast,kind=xfs,size=1073741824,source=namespace:fast"];
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(5);

    [MachineTheory]
    [InlineData(PlatformPersistence.MemoryController)]
    [InlineData(PlatformPersistence.CpuCache)]
    public async Task Transactions_that_were_acknowledged_survive_a_power_cut(PlatformPersistence platform)
    {
        await using VirtualMachine machine = await Machines.StartAsync(new MachineOptions
        {
            Nvdimms = [new Nvdimm(512L << 20), new Nvdimm(128L << 20)],
            Persistence = platform,
            PayloadDirectory = Payload.Directory,
        });
        await machine.MustRunScriptAsync("""
            ndctl disable-region all; ndctl init-labels all; ndctl enable-region all
            ndctl create-namespace --region=region0 --mode=fsdax --name=fast; ndctl create-namespace --region=region1 --mode=fsdax --name=state
            mkfs.ext4 -q -b 4096 /dev/pmem1; mkdir /state; mount /dev/pmem1 /state
            """);
        string heap = await PublishAsync(machine) + "/heap";
        long acknowledged = await InsertUntilPowerCutAsync(machine, heap);

        await machine.StartAgainAsync();
        await machine.MustRunScriptAsync("mkdir /state; mount /dev/pmem1 /state");
        Assert.Equal(heap, await PublishAsync(machine) + "/heap");
        await VerifyAsync(machine, heap, acknowledged, platform);
    }

    [MachineFact]
    public async Task A_heap_on_a_device_dax_node_survives_a_power_cut()
    {
        await using VirtualMachine machine = await Machines.StartAsync(new MachineOptions { Nvdimms = [new Nvdimm(512L << 20)], PayloadDirectory = Payload.Directory });
        await machine.MustRunScriptAsync("""
            ndctl disable-region all; ndctl init-labels all; ndctl enable-region all
            ndctl create-namespace --region=region0 --mode=devdax
            """);
        const string Heap = "/dev/dax0.0";
        long acknowledged = await InsertUntilPowerCutAsync(machine, Heap);

        await machine.StartAgainAsync();
        await VerifyAsync(machine, Heap, acknowledged, PlatformPersistence.MemoryController);
    }

    /// <returns>How many insertions were acknowledged before.</returns>
    private static async Task<long> InsertUntilPowerCutAsync(VirtualMachine machine, string heap)
    {
        GuestProcess insert = await machine.StartProcessAsync(["cscm", "bench", "btree", "insert", "--path", heap, "--count", "1000000", "--acknowledge"]);
        await insert.WaitForOutputAsync(@"\n200\n").WaitAsync(s_limit);
        await machine.PowerCutAsync();
        // The last line may have been cut off as well.
        return long.Parse(insert.Output.Split('\n')[^2]);
    }

    private static async Task VerifyAsync(VirtualMachine machine, string heap, long acknowledged, PlatformPersistence platform)
    {
        string said = (await machine.RunAsync(["cscm", "bench", "btree", "verify", "--path", heap], limit: s_limit)).EnsureSuccess().Output;
        // What was in flight may be there too, and what had not reached the host.
        Assert.True(long.Parse(said.Split("count=")[1].Split(' ')[0]) >= acknowledged, $"{acknowledged} were acknowledged: {said}");
        Assert.Contains($"domain={platform}", said, StringComparison.Ordinal);
    }

    private static async Task<string> PublishAsync(VirtualMachine machine)
        => (await machine.RunAsync(["Cscm.Storage.Conformance", "publish", .. s_pool], limit: s_limit)).EnsureSuccess().Output.Split("published=")[1].Trim();
}
