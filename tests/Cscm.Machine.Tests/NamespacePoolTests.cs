using Cscm.Storage;
using Cscm.Storage.Regions;
using Xunit.Abstractions;

namespace Cscm.Machine.Tests;

public sealed class ConformanceOfNamespacesTests(ConformanceOfNamespacesTests.Run run, ITestOutputHelper output) : IClassFixture<ConformanceOfNamespacesTests.Run>
{
    public static TheoryData<string> Scenarios => ConformanceRun.ScenariosOf(PoolKind.Namespace);

    [MachineTheory]
    [MemberData(nameof(Scenarios))]
    public void A_pool_on_an_nvdimm_conforms(string scenario) => run.Require(scenario, output);

    public sealed class Run() : ConformanceRun("name=fast,kind=namespace,size=900Mi,source=region0", "");
}

/// <summary>What namespace pools take, and what they leave alone.</summary>
public sealed class NamespacePoolTests : IClassFixture<SavedMachine>
{
    private const long Mib = 1L << 20;
    private const string Pool = "name=fast,kind=namespace,size=900Mi,source=region0";
    private const string Suite = "Cscm.Storage.Conformance --root /root/conformance --pool";

    [MachineFact]
    public async Task Namespaces_of_others_stay_as_they_are()
    {
        await using VirtualMachine machine = await StartAsync(256);
        await machine.MustRunAsync("ndctl", "create-namespace", "--region=region0", "--mode=fsdax", "--size=64M", "--name=his");
        var his = await HostView.OfAsync(machine, "pmem0");
        string empty = await his.HashAsync();
        await machine.MustRunAsync("dd", "if=/dev/urandom", "of=/dev/pmem0", "bs=1M", "count=4", "oflag=direct");
        string before = await his.HashAsync();
        Assert.NotEqual(empty, before);
        await machine.MustRunScriptAsync($"{Suite} {Pool} --only the_largest_volume_that_is_offered_can_be_made_and_nothing_after_it");
        Assert.Equal(before, await his.HashAsync());
        Assert.Equal(his, await HostView.OfAsync(machine, "pmem0"));
    }

    [MachineFact]
    public async Task A_region_with_volumes_of_another_driver_is_refused_and_stays_as_it_is()
    {
        await using VirtualMachine machine = await StartAsync(256);
        await machine.MustRunScriptAsync("""
            ndctl create-namespace --region=region0 --mode=fsdax --size=64M --name=cscm.0123456789ab.cscm-0123456789abcdef0123456789abcdef
            dd if=/dev/urandom of=/dev/pmem0 bs=1M count=4; sync
            """);
        string before = await machine.HashNvdimmAsync(0);
        ExecResult refused = await machine.RunAsync(["sh", "-c", $"{Suite} {Pool}"]);
        Assert.True(refused.ExitCode == 3, $"{refused.ExitCode}: {refused.Output}{refused.Error}");
        Assert.Contains("region0 holds 1 volumes of another driver", refused.Error, StringComparison.Ordinal);
        Assert.Contains("restore that driver's state directory", refused.Error, StringComparison.Ordinal);
        Assert.Equal(before, await machine.HashNvdimmAsync(0));
    }

    [MachineFact]
    public async Task A_region_is_prepared_only_when_told_to_and_only_when_it_is_empty_and_can_be_disabled()
    {
        await using VirtualMachine machine = await Machines.StartAsync(new MachineOptions { Nvdimms = [new Nvdimm(256 * Mib)], PayloadDirectory = Payload.Directory });
        ExecResult asked = await machine.RunAsync(["cscm", "regions", "prepare", "region0"]);
        Assert.Equal(1, asked.ExitCode);
        Assert.Contains("namespace0.0 of region0 (/dev/pmem0): 268435456 bytes", asked.Output, StringComparison.Ordinal);
        Assert.Equal(LabelState.Blank, await LabelsAsync(machine));

        await machine.MustRunScriptAsync("mkfs.xfs -q /dev/pmem0 || mkfs.ext4 -q /dev/pmem0");
        ExecResult full = await machine.RunAsync(["cscm", "regions", "prepare", "region0", "--yes"]);
        Assert.Equal(2, full.ExitCode);
        Assert.Contains("wipefs -a /dev/pmem0", full.Error, StringComparison.Ordinal);
        Assert.Equal(LabelState.Blank, await LabelsAsync(machine));

        await machine.MustRunScriptAsync("wipefs -q -a /dev/pmem0; mount --bind /sys /sys; mount -o remount,bind,ro /sys");
        ExecResult inContainer = await machine.RunAsync(["cscm", "regions", "prepare", "region0", "--yes"]);
        Assert.Equal(2, inContainer.ExitCode);
        Assert.Contains("region0 cannot be disabled", inContainer.Error, StringComparison.Ordinal);
        Assert.Equal(LabelState.Blank, await LabelsAsync(machine));

        await machine.MustRunScriptAsync("umount /sys; cscm regions prepare region0 --yes");
        Assert.Equal(LabelState.Present, await LabelsAsync(machine));
    }

    private static async Task<LabelState> LabelsAsync(VirtualMachine machine)
        => Assert.Single(InventoryJson.Parse(await machine.MustRunAsync("cscm", "regions", "--json")).Regions).Labels;

    private static async Task<VirtualMachine> StartAsync(long sizeMib)
    {
        VirtualMachine machine = await Machines.StartAsync(new MachineOptions { Nvdimms = [new Nvdimm(sizeMib * Mib)], PayloadDirectory = Payload.Directory });
        await machine.MustRunScriptAsync("ndctl disable-region all; ndctl init-labels all; ndctl enable-region all");
        return machine;
    }
}
