using System.Text.Json.Nodes;
using Cscm.Storage.Regions;

namespace Cscm.Machine.Tests;

/// <summary>Discovery on a real kernel: three NVDIMMs (carved, without labels, unarmed) and a virtio-pmem device, beside what ndctl says.</summary>
public sealed class RegionTests(RegionTests.Fixture fixture) : IClassFixture<RegionTests.Fixture>
{
    private const long Mib = 1L << 20;

    [MachineFact]
    public void Every_region_is_as_ndctl_shows_it()
    {
        var expected = fixture.Ndctl["regions"]!.AsArray().Select(region => (
            (string)region!["dev"]!, (long)region["size"]!, (long)region["available_size"]!, (long)region["max_available_extent"]!,
            (long?)region["align"], Domain((string?)region["persistence_domain"]), (ulong?)region["iset_id"] ?? 0));
        var actual = fixture.Inventory.Regions.Select(region => (
            region.Name, region.SizeBytes, region.AvailableBytes, region.MaximumExtentBytes,
            region.AlignmentBytes, region.PersistenceDomain, region.Labels == LabelState.Present ? region.InterleaveSet!.Value : 0));
        Assert.Equal(4, fixture.Inventory.Regions.Count);
        Assert.Equal(expected.Order(), actual.Order());
        Assert.Empty(fixture.Inventory.Problems);
    }

    [MachineFact]
    public void Every_namespace_is_as_ndctl_shows_it()
    {
        var expected = fixture.Ndctl["regions"]!.AsArray().SelectMany(region => region!["namespaces"]?.AsArray() ?? []).Select(item => (
            (string)item!["dev"]!, (string)item["mode"]!, (long)item["size"]!, (string?)item["uuid"], (string?)item["name"] ?? "", (string?)item["blockdev"], (long?)item["align"]));
        var actual = fixture.Inventory.Regions.SelectMany(region => region.Namespaces).Select(item => (
            item.Name, item.Mode.ToString().ToLowerInvariant(), item.SizeBytes, item.Uuid, item.AlternativeName, item.BlockDevice, item.AlignmentBytes));
        Assert.Equal(5, actual.Count());
        Assert.Equal(expected.Order(), actual.Order());
    }

    [MachineFact]
    public void Device_dax_is_the_namespace_that_was_made_for_it()
    {
        Namespace devdax = Assert.Single(fixture.Inventory.Regions.SelectMany(region => region.Namespaces), item => item.Mode == NamespaceMode.DevDax);
        DaxDevice device = Assert.Single(fixture.Inventory.DaxDevices);
        Assert.Equal((device.Name, device.SizeBytes, false), (devdax.DaxDevice, devdax.SizeBytes, device.IsSystemMemory));
    }

    [MachineFact]
    public void Technology_labels_and_synchronicity_are_told_apart()
    {
        var actual = fixture.Inventory.Regions.Select(region => (region.SizeBytes / Mib, region.Technology, region.Labels, region.IsSynchronous)).Order();
        Assert.Equal(
            [
                (128, RegionTechnology.Nvdimm, LabelState.Blank, true),
                (256, RegionTechnology.VirtioPmem, LabelState.None, false),
                (384, RegionTechnology.Nvdimm, LabelState.None, true),
                (1024, RegionTechnology.Nvdimm, LabelState.Present, true),
            ],
            actual);
    }

    [MachineFact]
    public void A_module_that_would_lose_its_content_makes_its_region_unwell_and_no_other()
    {
        Region region = Assert.Single(fixture.Inventory.Regions, region => region.Health.Count > 0);
        Assert.Equal(("NotArmed", true), (Assert.Single(region.Health).Reason, region.IsReadOnly));
    }

    [MachineFact]
    public void The_table_tells_what_nobody_counts_from_none()
    {
        // An emulated NVDIMM does not count its unsafe shutdowns.
        Assert.All(fixture.Inventory.Regions.SelectMany(region => region.Devices), device => Assert.Null(device.UnsafeShutdowns));
        Assert.Matches(@"(?m)^REGION .* LABELS +UNSAFE +HEALTH$", fixture.Table);
        Assert.Matches(@"(?m)^region0 +Nvdimm .* Present +- +ok$", fixture.Table);
    }

    private static PersistenceDomain Domain(string? name) => name switch
    {
        "memory_controller" => PersistenceDomain.MemoryController,
        "cpu_cache" => PersistenceDomain.CpuCache,
        _ => PersistenceDomain.Unknown,
    };

    /// <summary>Prepares the machine and asks both once.</summary>
    public sealed class Fixture : IAsyncLifetime
    {
        public Inventory Inventory { get; private set; } = null!;

        public JsonNode Ndctl { get; private set; } = null!;

        public string Table { get; private set; } = "";

        public async Task InitializeAsync()
        {
            if (Machines.WhyUnavailable is not null)
                return;
            await using VirtualMachine machine = await Machines.StartAsync(new MachineOptions
            {
                Nvdimms = [new Nvdimm(1024 * Mib), new Nvdimm(384 * Mib) { LabelBytes = 0 }, new Nvdimm(128 * Mib) { IsUnarmed = true }],
                VirtioPmems = [new VirtioPmem(256 * Mib)],
                PayloadDirectory = Payload.Directory,
            });
            await machine.MustRunScriptAsync("""
                ndctl disable-region region0; ndctl init-labels nmem0; ndctl enable-region region0
                ndctl create-namespace --region=region0 --size=128M --mode=fsdax --name=files
                ndctl create-namespace --region=region0 --size=128M --mode=devdax
                """);
            Inventory = InventoryJson.Parse(await machine.MustRunAsync("cscm", "regions", "--json"));
            Table = await machine.MustRunAsync("cscm", "regions");
            Ndctl = JsonNode.Parse(await machine.MustRunAsync("ndctl", "list", "--regions", "--namespaces", "--dimms"))!;
        }

        public Task DisposeAsync() => Task.CompletedTask;
    }
}
