using Cscm.Storage.Regions;

namespace Cscm.Machine.Tests;

/// <summary>CXL persistent memory: a region is made each boot, and what it held is there again. The one scenario that has to boot.</summary>
public sealed class CxlTests
{
    private const long Mib = 1L << 20;

    [MachineFact]
    public async Task A_cxl_region_is_found_and_its_namespace_returns_when_it_is_made_again()
    {
        await using VirtualMachine machine = await Machines.StartAsync(new MachineOptions { CxlDevices = [new CxlDevice(512 * Mib)], PayloadDirectory = Payload.Directory });
        const string makeRegion = "cxl create-region -m -t pmem -d decoder0.0 -w 1 mem0";
        await machine.MustRunScriptAsync($"""
            {makeRegion}
            ndctl disable-region region0; ndctl init-labels nmem0; ndctl enable-region region0
            ndctl create-namespace --region=region0 --mode=fsdax --size=128M --name=kept
            """);
        Inventory made = InventoryJson.Parse(await machine.MustRunAsync("cscm", "regions", "--json"));
        Region region = Assert.Single(made.Regions);
        Assert.Equal((RegionTechnology.Cxl, 512 * Mib, true), (region.Technology, region.SizeBytes, region.IsSynchronous));
        Assert.Equal((512 * Mib, "region0"), (Assert.Single(made.CxlMemories).PersistentBytes, made.CxlMemories[0].Region));

        await machine.MustRunScriptAsync($"ndctl disable-region region0; cxl disable-region region0; cxl destroy-region region0; {makeRegion}");
        Assert.Empty(made.Problems);
        Region again = Assert.Single(InventoryJson.Parse(await machine.MustRunAsync("cscm", "regions", "--json")).Regions);
        Assert.Equal("kept", Assert.Single(again.Namespaces).AlternativeName);
        Assert.Equal(region.InterleaveSet, again.InterleaveSet);
    }
}
