using Cscm.Storage.Regions;
using Xunit.Abstractions;

namespace Cscm.Machine.Tests;

/// <summary>CXL persistent memory serves as a pool of every kind.</summary>
public sealed class CxlPoolTests(CxlPoolTests.Runs runs, ITestOutputHelper output) : IClassFixture<CxlPoolTests.Runs>
{
    private const string Life = "a_volume_is_created_staged_published_measured_and_taken_away", Mapping = "a_published_volume_maps_its_medium_synchronously";

    [MachineTheory]
    [InlineData("xfs", Life)]
    [InlineData("xfs", Mapping)]
    [InlineData("lvm", Life)]
    [InlineData("lvm", Mapping)]
    [InlineData("namespace", Life)]
    [InlineData("namespace", Mapping)]
    public void Cxl_memory_serves_as_a_pool(string kind, string scenario) => runs.Of(kind).Require(scenario, output);

    public sealed class Runs : IAsyncLifetime
    {
        private readonly Dictionary<string, ScenarioRun> _runs = new(StringComparer.Ordinal)
        {
            ["xfs"] = RunOf("xfs", "namespace:fast"),
            ["lvm"] = RunOf("lvm", "region0"),
            ["namespace"] = RunOf("namespace", "region0"),
        };

        public ScenarioRun Of(string kind) => _runs[kind];

        public async Task InitializeAsync()
        {
            foreach (ScenarioRun run in _runs.Values)
                await run.InitializeAsync();
        }

        public Task DisposeAsync() => Task.CompletedTask;

        private static ScenarioRun RunOf(string kind, string source) => new(
            CxlTests.Options,
            $"""
            {CxlTests.MakeRegion}; ndctl disable-region region0; ndctl init-labels nmem0; ndctl enable-region region0
            {(source == "region0" ? "" : "ndctl create-namespace --region=region0 --mode=fsdax --name=fast")}
            """,
            ["Cscm.Storage.Conformance", "suite", "--root", "/tmp/cxl", "--pool", $"name=fast,kind={kind},size=256Mi,source={source}", "--only", Life, "--only", Mapping]);
    }
}

/// <summary>A CXL region is made each boot, and what it held is there again.</summary>
public sealed class CxlTests : IClassFixture<SavedMachine>
{
    internal const string MakeRegion = "cxl create-region -m -t pmem -d decoder0.0 -w 1 mem0";
    private const long Mib = 1L << 20;

    internal static MachineOptions Options { get; } = new() { Cxl = new CxlDevice(512 * Mib), PayloadDirectory = Payload.Directory };

    [MachineFact]
    public async Task A_cxl_region_is_found_and_its_namespace_returns_when_it_is_made_again()
    {
        await using VirtualMachine machine = await Machines.StartAsync(Options);
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
