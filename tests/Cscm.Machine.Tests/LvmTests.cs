using Cscm.Storage;
using Xunit.Abstractions;

namespace Cscm.Machine.Tests;

public sealed class ConformanceOfLvmTests(ConformanceOfLvmTests.Run run, ITestOutputHelper output) : IClassFixture<ConformanceOfLvmTests.Run>
{
    public static TheoryData<string> Scenarios => ConformanceRun.ScenariosOf(PoolKind.Lvm);

    [MachineTheory]
    [MemberData(nameof(Scenarios))]
    public void A_pool_on_an_nvdimm_conforms(string scenario) => run.Require(scenario, output);

    public sealed class Run() : ConformanceRun("name=fast,kind=lvm,size=734003200,source=region0", "");
}

public sealed class StripedLvmTests(StripedLvmTests.Run run, ITestOutputHelper output) : IClassFixture<StripedLvmTests.Run>
{
    private const string Mapping = "a_published_volume_maps_its_medium_synchronously", Growth = "a_volume_grows_while_it_is_published", Block = "a_raw_block_volume_is_staged_published_and_taken_away";

    [MachineTheory]
    [InlineData(Mapping)]
    [InlineData(Growth)]
    [InlineData(Block)]
    public void Volumes_can_be_striped_over_two_regions(string scenario) => run.Require(scenario, output);

    public sealed class Run() : ScenarioRun(
        new MachineOptions { Nvdimms = [new Nvdimm(512L << 20), new Nvdimm(512L << 20)], PayloadDirectory = Payload.Directory },
        "ndctl disable-region all; ndctl init-labels all; ndctl enable-region all",
        [
            "Cscm.Storage.Conformance", "suite", "--root", "/tmp/conformance", "--pool", "name=wide,kind=lvm,size=900Mi,fileSystem=xfs,stripes=2,source=region0+region1",
            "--only", Mapping, "--only", Growth, "--only", Block,
        ]);
}

/// <summary>What lvm pools take, and what they leave alone: a machine of its own for each, as each ends with devices in another state.</summary>
public sealed class LvmTests : IClassFixture<SavedMachine>
{
    private const long Mib = 1L << 20;

    /// <summary>For machines that have to share their processors.</summary>
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(10);
    private const string Suite = "Cscm.Storage.Conformance --root /root/conformance --pool";

    [MachineTheory]
    [InlineData("/dev/pmem0", "belongs to volume group his")]
    [InlineData("namespace:his1", "holds ext4")]
    [InlineData("vg:his", "defeats mappings of 2 MiB")]
    public async Task Another_ones_volume_group_or_file_system_is_refused_and_stays_as_it_was(string source, string reason)
    {
        await using VirtualMachine machine = await StartAsync(256, 256);
        await ScriptAsync(machine, """
            for i in 0 1; do ndctl create-namespace --region=region$i --mode=fsdax --name=his$i; done
            vgcreate -q his /dev/pmem0; lvcreate -q -y -n data -l 10 his; mkfs.ext4 -q /dev/pmem1; sync
            """);
        (string, string) before = (await machine.HashNvdimmAsync(0), await machine.HashNvdimmAsync(1));
        Assert.Contains(reason, await RefuseAsync(machine, $"name=fast,kind=lvm,size=128Mi,source={source}"), StringComparison.Ordinal);
        await ScriptAsync(machine, "sync");
        Assert.Equal(before, (await machine.HashNvdimmAsync(0), await machine.HashNvdimmAsync(1)));
    }

    [MachineFact]
    public async Task A_pool_in_an_operators_group_leaves_his_volumes_alone_and_no_second_driver_takes_it()
    {
        await using VirtualMachine machine = await StartAsync(256);
        await ScriptAsync(machine, """
            ndctl create-namespace --region=region0 --mode=fsdax
            pvcreate -q --dataalignment 2m /dev/pmem0; vgcreate -q -s 2m shared /dev/pmem0
            lvcreate -q -y -n his -L 32M shared
            """);
        // In one piece: start and length in sectors, "linear", the device, the start there.
        string mapping = await ScriptAsync(machine, "dmsetup table shared-his");
        string[] table = mapping.Split(' ', StringSplitOptions.TrimEntries);
        HostView his = (await HostView.OfAsync(machine, "pmem0")).Part(long.Parse(table[4]) * HostView.SectorBytes, int.Parse(table[1]) * HostView.SectorBytes);
        string empty = await his.HashAsync();
        await ScriptAsync(machine, "dd if=/dev/urandom of=/dev/shared/his bs=1M count=8 oflag=direct");
        string before = await his.HashAsync();
        Assert.NotEqual(empty, before);
        await ScriptAsync(machine, $"{Suite} name=fast,kind=lvm,size=160Mi,source=vg:shared --only the_largest_volume_that_is_offered_can_be_made_and_nothing_after_it");
        Assert.Equal(before, await his.HashAsync());
        Assert.Equal(mapping, await ScriptAsync(machine, "lvs shared/his >/dev/null; dmsetup table shared-his"));
        await ScriptAsync(machine, "mv /root/conformance /root/lost");
        string refusal = await RefuseAsync(machine, "name=fast,kind=lvm,size=160Mi,source=vg:shared");
        Assert.Contains("belongs to another driver or pool", refusal, StringComparison.Ordinal);
        Assert.Contains("restore that driver's state directory", refusal, StringComparison.Ordinal);
    }

    [MachineFact]
    public async Task A_region_must_be_prepared_and_is_refused_to_a_driver_that_lost_its_state()
    {
        await using VirtualMachine machine = await StartAsync(isPrepared: false, 256);
        Assert.Contains("cscm regions prepare region0", await RefuseAsync(machine, "name=fast,kind=lvm,size=128Mi,source=region0"), StringComparison.Ordinal);
        await ScriptAsync(machine, $"""
            ndctl disable-region region0; ndctl init-labels nmem0; ndctl enable-region region0
            {Suite} name=fast,kind=lvm,size=128Mi,source=region0 --only a_repeated_delete_succeeds
            mv /root/conformance /root/lost
            """);
        Assert.Contains("another driver's share for a pool named fast", await RefuseAsync(machine, "name=fast,kind=lvm,size=64Mi,source=region0"), StringComparison.Ordinal);
        await ScriptAsync(machine, $"""
            rm -rf /root/conformance; mv /root/lost /root/conformance
            {Suite} name=fast,kind=lvm,size=128Mi,source=region0 --only a_repeated_delete_succeeds
            """);
    }

    [MachineFact]
    public async Task Without_one_of_its_devices_a_pool_starts_and_offers_nothing_until_it_is_back()
    {
        await using VirtualMachine machine = await StartAsync(256, 256);
        const string pool = "name=wide,kind=lvm,size=400Mi,source=region0+region1";
        await ScriptAsync(machine, $"""
            {Suite} {pool} --only a_repeated_delete_succeeds
            ndctl disable-region region1
            """);
        ExecResult result = await machine.RunAsync(["sh", "-c", $"{Suite} {pool} --only a_repeated_delete_succeeds"], limit: s_limit);
        Assert.Equal(1, result.ExitCode);
        Assert.Contains("pool wide has 0 bytes free", result.Output, StringComparison.Ordinal);
        await ScriptAsync(machine, $"ndctl enable-region region1; {Suite} {pool} --only a_repeated_delete_succeeds");
    }

    [MachineFact]
    public async Task Virtio_pmem_is_refused_where_dax_is_required()
    {
        await using VirtualMachine machine = await Machines.StartAsync(new MachineOptions { VirtioPmems = [new VirtioPmem(256 * Mib)], PayloadDirectory = Payload.Directory });
        ExecResult result = await machine.RunAsync(["sh", "-c", $"{Suite} name=fast,kind=lvm,size=128Mi,source=/dev/pmem0 --only a_repeated_delete_succeeds"], limit: s_limit);
        Assert.Equal(1, result.ExitCode);
        Assert.Contains("stores become durable by a flush request only (VirtioPmem): use a pool on an NVDIMM or CXL region, or dax: preferred", result.Output, StringComparison.Ordinal);
    }

    /// <summary>Starts the suite over a pool that must not be taken; returns what it said.</summary>
    private static async Task<string> RefuseAsync(VirtualMachine machine, string pool)
    {
        ExecResult result = await machine.RunAsync(["sh", "-c", $"rm -rf /root/conformance; exec {Suite} {pool}"], limit: s_limit);
        Assert.NotEqual(0, result.ExitCode);
        return result.Error;
    }

    private static async Task<string> ScriptAsync(VirtualMachine machine, string script)
        => (await machine.RunAsync(["sh", "-euxc", script], limit: s_limit)).EnsureSuccess().Output;

    private static Task<VirtualMachine> StartAsync(params long[] sizesMib) => StartAsync(isPrepared: true, sizesMib);

    private static async Task<VirtualMachine> StartAsync(bool isPrepared, params long[] sizesMib)
    {
        VirtualMachine machine = await Machines.StartAsync(new MachineOptions
        {
            Nvdimms = [.. sizesMib.Select(sizeMib => new Nvdimm(sizeMib * Mib))],
            PayloadDirectory = Payload.Directory,
        });
        if (isPrepared)
            await ScriptAsync(machine, "ndctl disable-region all; ndctl init-labels all; ndctl enable-region all");
        return machine;
    }
}
