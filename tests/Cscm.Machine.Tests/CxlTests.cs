using Cscm.Storage.Regions;

namespace Cscm.Machine.Tests;

/// <summary>CXL persistent memory: a region is made each boot, and what it held is there again.</summary>
public sealed class CxlTests : IClassFixture<SavedMachine>
{
    private const long Mib = 1L << 20;
    private const string MakeRegion = "cxl create-region -m -t pmem -d decoder0.0 -w 1 mem0";
    private const string Life = "a_volume_is_created_staged_published_measured_and_taken_away", Mapping = "a_published_volume_maps_its_medium_synchronously";

    private static readonly MachineOptions s_options = new() { Cxl = new CxlDevice(512 * Mib), PayloadDirectory = Payload.Directory };

    [MachineTheory]
    [InlineData("xfs", Life)]
    [InlineData("xfs", Mapping)]
    [InlineData("lvm", Life)]
    [InlineData("lvm", Mapping)]
    [InlineData("namespace", Life)]
    [InlineData("namespace", Mapping)]
    public async Task Cxl_memory_serves_as_a_pool(string kind, string scenario)
    {
        await using VirtualMachine machine = await Machines.StartAsync(s_options);
        await machine.MustRunScriptAsync($"{MakeRegion}; ndctl disable-region region0; ndctl init-labels nmem0; ndctl enable-region region0");
        if (kind != "namespace")
            await machine.MustRunAsync("ndctl", "create-namespace", "--region=region0", "--mode=fsdax", "--name=fast");
        string source = kind == "namespace" ? "region0" : "namespace:fast";
        (await machine.RunAsync(
            ["Cscm.Storage.Conformance", "suite", "--root", "/tmp/cxl", "--pool", $"name=fast,kind={kind},size=256Mi,source={source}", "--only", scenario])).EnsureSuccess();
    }

    [MachineFact]
    public async Task A_cxl_region_is_found_and_its_namespace_returns_when_it_is_made_again()
    {
        await using VirtualMachine machine = await Machines.StartAsync(s_options);
        await machine.MustRunScriptAsync($"""
            {MakeRegion}
            ndctl disable-region region0; ndctl init-labels nmem0; ndctl enable-region region0
            ndctl create-namespace --region=region0 --mode=fsdax --size=128M --name=kept
            """);
        Inventory made = InventoryJson.Parse(await machine.MustRunAsync("cscm", "regions", "--json"));
        Region region = Assert.Single(made.Regions);
        Assert.Equal((RegionTechnology.Cxl, 512 * Mib, true), (region.Technology, region.SizeBytes, region.IsSynchronous));
        Assert.Equal((512 * Mib, "region0"), (Assert.Single(made.CxlMemories).PersistentBytes, made.CxlMemories[0].Region));

        await machine.MustRunScriptAsync($"ndctl disable-region region0; cxl disable-region region0; cxl destroy-region region0; {MakeRegion}");
        Assert.Empty(made.Problems);
        Region again = Assert.Single(InventoryJson.Parse(await machine.MustRunAsync("cscm", "regions", "--json")).Regions);
        Assert.Equal("kept", Assert.Single(again.Namespaces).AlternativeName);
        Assert.Equal(region.InterleaveSet, again.InterleaveSet);
    }
}
