using Cscm.Storage.Regions;

namespace Cscm.Machine.Tests;

/// <summary>Namespace pools: the suite's scenarios that their medium makes interesting, and what they leave alone.</summary>
public sealed class NamespacePoolTests
{
    private const long Mib = 1L << 20;
    private const string Pool = "name=fast,kind=namespace,size=900Mi,source=region0";
    private const string Suite = "Cscm.Storage.Conformance --root /root/conformance --pool";

    [MachineTheory]
    [InlineData("a_volume_is_created_staged_published_measured_and_taken_away", "a_raw_block_volume_is_staged_published_and_taken_away", "a_repeated_delete_succeeds")]
    [InlineData("a_published_volume_maps_its_medium_synchronously", "a_new_volume_holds_none_of_a_deleted_ones_bytes")]
    [InlineData("a_new_raw_volume_holds_none_of_a_deleted_ones_bytes", "delete_returns_before_its_space_is_erased_and_given_back")]
    [InlineData("parallel_calls_on_different_volumes_all_succeed", "growth_without_room_is_refused_and_changes_nothing")]
    [InlineData("the_largest_volume_that_is_offered_can_be_made_and_nothing_after_it", "a_limit_is_kept_or_the_request_refused")]
    [InlineData("a_snapshot_keeps_what_its_volume_then_loses", "a_volume_grows_while_nobody_uses_it")]
    [InlineData("a_create_converges_wherever_the_driver_died")]
    [InlineData("a_growth_converges_wherever_the_driver_died")]
    [InlineData("an_erasure_goes_on_wherever_the_driver_died")]
    public async Task A_pool_on_an_nvdimm_conforms(params string[] scenarios)
    {
        await using VirtualMachine machine = await StartAsync(1024);
        ExecResult result = await machine.RunAsync(
            ["Cscm.Storage.Conformance", "--root", "/root/conformance", "--pool", Pool, .. scenarios.SelectMany(scenario => new[] { "--only", scenario })], limit: TimeSpan.FromMinutes(3));
        Assert.True(result.ExitCode == 0, result.Output + result.Error);
        Assert.Equal(scenarios.Length, result.Output.Split('\n').Count(line => line.StartsWith("pass ", StringComparison.Ordinal)));
        Assert.Equal("", await machine.MustRunAsync("ndctl", "list", "--namespaces"));
    }

    [MachineFact]
    public async Task Namespaces_of_others_stay_as_they_are_and_those_of_another_driver_are_refused()
    {
        await using VirtualMachine machine = await StartAsync(512);
        ExecResult beside = await machine.RunAsync(["sh", "-euxc", $"""
            ndctl create-namespace --region=region0 --mode=fsdax --size=64M --name=his; dd if=/dev/urandom of=/dev/pmem0 bs=1M count=4; sha256sum /dev/pmem0 >/tmp/before
            {Suite} {Pool} --only the_largest_volume_that_is_offered_can_be_made_and_nothing_after_it
            sha256sum -c /tmp/before
            ndctl create-namespace --region=region0 --mode=fsdax --size=64M --name=cscm.0123456789ab.cscm-0123456789abcdef0123456789abcdef
            """], limit: TimeSpan.FromMinutes(3));
        beside.EnsureSuccess();
        ExecResult refused = await machine.RunAsync(["sh", "-c", $"{Suite} {Pool}"], limit: TimeSpan.FromMinutes(3));
        Assert.True(refused.ExitCode == 3, $"{refused.ExitCode}: {refused.Output}{refused.Error}");
        Assert.Contains("region0 holds 1 volumes of another driver", refused.Error, StringComparison.Ordinal);
        Assert.Contains("restore that driver's state directory", refused.Error, StringComparison.Ordinal);
        await machine.MustRunScriptAsync("sha256sum -c /tmp/before; ndctl list --namespaces | grep cscm.0123456789ab");
    }

    [MachineFact]
    public async Task A_region_is_prepared_only_when_told_to_and_only_when_it_is_empty()
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

        await machine.MustRunScriptAsync("wipefs -q -a /dev/pmem0; cscm regions prepare region0 --yes");
        Assert.Equal(LabelState.Present, await LabelsAsync(machine));
    }

    private static async Task<LabelState> LabelsAsync(VirtualMachine machine)
        => Assert.Single(InventoryJson.Parse(await machine.MustRunAsync("cscm", "regions", "--json")).Regions).Labels;

    private static async Task<VirtualMachine> StartAsync(long sizeMib)
    {
        VirtualMachine machine = await Machines.StartAsync(new MachineOptions { Nvdimms = [new Nvdimm(sizeMib * Mib)], PayloadDirectory = ConformanceRun.PayloadDirectory });
        await machine.MustRunScriptAsync("ndctl disable-region all; ndctl init-labels all; ndctl enable-region all");
        return machine;
    }
}
