namespace Cscm.Storage.Regions.Tests;

public sealed class RegionReaderTests
{
    private const long Mib = 1L << 20;

    [Fact]
    public void A_machine_without_storage_class_memory_has_an_empty_inventory()
    {
        var empty = new RegionReader("/nonexistent").Read();
        Assert.Empty(empty.Regions);
        Assert.Empty(empty.DaxDevices);
        Assert.Empty(empty.CxlMemories);
        Assert.Empty(empty.Problems);
    }

    [Fact]
    public void An_interleaved_region_shows_its_size_free_space_place_and_promises()
    {
        Region region = Assert.Single(Read("nvdimm").Regions);
        Assert.Equal(("region0", RegionTechnology.Nvdimm, 2048 * Mib), (region.Name, region.Technology, region.SizeBytes));
        Assert.Equal((1536 * Mib, 1024 * Mib), (region.AvailableBytes, region.MaximumExtentBytes));
        Assert.Equal((16 * Mib, 1, 2, 0x2468ac00123456ul), (region.AlignmentBytes, region.NumaNode, region.InterleaveWays, region.InterleaveSet));
        Assert.Equal((PersistenceDomain.CpuCache, true, false, LabelState.Present), (region.PersistenceDomain, region.IsSynchronous, region.IsReadOnly, region.Labels));
        Assert.Equal([("nmem0", "8680-56341200", 3L), ("nmem1", "8680-57341200", 0L)], region.Devices.Select(device => (device.Name, device.Id!, device.UnsafeShutdowns!.Value)));
        Assert.Empty(region.BadRanges);
        Assert.Empty(region.Health);
    }

    [Fact]
    public void Namespaces_show_what_is_usable_of_them_and_the_empty_seed_is_none()
    {
        Region region = Assert.Single(Read("nvdimm").Regions);
        var files = new Namespace
        {
            Name = "namespace0.0",
            Mode = NamespaceMode.FsDax,
            SizeBytes = 250 * Mib,
            RawSizeBytes = 256 * Mib,
            AlignmentBytes = 2 * Mib,
            Uuid = "3a6e4ec7-e715-44c6-a016-9dc75cbea619",
            AlternativeName = "cscm",
            BlockDevice = "pmem0",
            DaxDevice = null,
        };
        var device = files with
        {
            Name = "namespace0.1",
            Mode = NamespaceMode.DevDax,
            Uuid = "d12bc5ce-ee46-41cd-9ded-17b7a693cbe7",
            AlternativeName = "",
            BlockDevice = null,
            DaxDevice = "dax0.1",
        };
        Assert.Equal([files, device], region.Namespaces);
    }

    [Fact]
    public void Device_dax_is_listed_with_its_node()
        => Assert.Equal(new DaxDevice("dax0.1", 250 * Mib, 2 * Mib, 1, IsSystemMemory: false), Assert.Single(Read("nvdimm").DaxDevices));

    [Fact]
    public void Space_that_could_be_free_with_labels_is_not_free_without()
    {
        IReadOnlyList<Region> regions = Read("labels").Regions;
        Assert.Equal(["region1", "region2", "region10"], regions.Select(region => region.Name));
        Assert.Equal([LabelState.None, LabelState.Blank, LabelState.Present], regions.Select(region => region.Labels));
        Assert.Equal((0, 0), (regions[1].AvailableBytes, regions[1].MaximumExtentBytes));
        Namespace whole = Assert.Single(regions[0].Namespaces);
        Assert.Equal((NamespaceMode.Raw, 512 * Mib, "pmem1"), (whole.Mode, whole.SizeBytes, whole.BlockDevice));
        Assert.Null(regions[0].NumaNode);
        Assert.Equal(PersistenceDomain.Unknown, regions[1].PersistenceDomain);
    }

    [Fact]
    public void Every_complaint_of_a_module_becomes_a_finding_that_says_what_to_do()
    {
        Region region = Read("unwell").Regions[0];
        Assert.Equal([new BadRange(8 * 512, 512), new BadRange(1024 * 512, 16 * 512)], region.BadRanges);
        Assert.Equal(
            ["BadBlocks", "SaveFailed", "MapFailed", "NotArmed", "RestoreFailed", "SaveFailed", "SmartEvent"],
            region.Health.Select(finding => finding.Reason));
        Assert.All(region.Health, finding => Assert.Contains("region0", finding.Message, StringComparison.Ordinal));
        Assert.Equal(HealthKind.DataLoss, region.Health[0].Kind);
        Assert.Contains("8704 bytes", region.Health[0].Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_region_that_refuses_writes_and_says_nothing_else_is_degraded()
        => Assert.Equal("ReadOnly", Assert.Single(Read("unwell").Regions[1].Health).Reason);

    [Fact]
    public void What_cannot_be_read_is_named_and_hides_nothing_else()
    {
        Inventory inventory = Read("unwell");
        Assert.Equal(["region0", "region3"], inventory.Regions.Select(region => region.Name));
        Assert.Collection(
            inventory.Problems,
            problem => Assert.EndsWith("ndbus0/region1/size holds 'lots', which is no number", problem, StringComparison.Ordinal),
            problem => Assert.EndsWith("ndbus0/region2/mapping0 names nmem7, which does not exist", problem, StringComparison.Ordinal));
    }

    [Fact]
    public void Memory_that_the_host_has_to_flush_is_asynchronous()
    {
        Region region = Assert.Single(Read("virtio-pmem").Regions);
        Assert.Equal((RegionTechnology.VirtioPmem, false, LabelState.None), (region.Technology, region.IsSynchronous, region.Labels));
        Assert.Equal((1, null), (region.InterleaveWays, region.InterleaveSet));
    }

    [Fact]
    public void Cxl_memory_knows_its_region()
    {
        Inventory inventory = Read("cxl");
        Region region = Assert.Single(inventory.Regions);
        Assert.Equal((RegionTechnology.Cxl, true, 512 * Mib), (region.Technology, region.IsSynchronous, region.AvailableBytes));
        Assert.Equal(
            [new CxlMemory("mem0", 1, 512 * Mib, 0, null, "BWFW VERSION 00", "region0"), new CxlMemory("mem1", 2, 256 * Mib, 256 * Mib, 1, "BWFW VERSION 00", null)],
            inventory.CxlMemories);
        Assert.True(Assert.Single(inventory.DaxDevices).IsSystemMemory);
    }

    [Theory]
    [InlineData("nvdimm")]
    [InlineData("labels")]
    [InlineData("virtio-pmem")]
    [InlineData("cxl")]
    public void Nothing_is_left_out_of_a_machine_that_is_well(string tree) => Assert.Empty(Read(tree).Problems);

    [Theory]
    [InlineData("nvdimm")]
    [InlineData("cxl")]
    [InlineData("unwell")]
    public void Json_gives_back_what_went_in(string tree)
    {
        string json = InventoryJson.Render(Read(tree));
        Assert.Equal(json, InventoryJson.Render(InventoryJson.Parse(json)));
        Assert.Contains("\"sizeBytes\"", json, StringComparison.Ordinal);
        Assert.DoesNotContain("\"technology\": 0", json, StringComparison.Ordinal);
    }

    private static Inventory Read(string name)
    {
        using var tree = FakeTree.Open(name);
        return new RegionReader(tree.Root).Read();
    }
}
