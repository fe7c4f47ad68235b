using Cscm.Storage.Pools.Devices;
using Cscm.Storage.Regions;

namespace Cscm.Storage.Tests;

/// <summary>Arithmetic of namespaces, pinned to what Linux 6.12 made of them.</summary>
public sealed class NamespaceSizesTests
{
    private const long Mib = 1L << 20;

    [Theory]
    [InlineData(64 * Mib, 65011712)]
    [InlineData(512 * Mib, 526385152)]
    [InlineData(1024 * Mib, 1054867456)]
    [InlineData(256 * Mib, 262144000)]
    public void A_namespace_shows_what_its_page_map_leaves(long rawBytes, long usableBytes) => Assert.Equal(usableBytes, NamespaceSizes.UsableBytes(rawBytes));

    [Theory]
    [InlineData(2 * Mib)]
    [InlineData(16 * Mib)]
    [InlineData(48 * Mib)]
    public void The_smallest_namespace_that_shows_enough_is_found_at_any_size(long alignmentBytes)
    {
        for (long usableBytes = 2 * Mib; usableBytes < 1L << 42; usableBytes += Math.Max(2 * Mib, usableBytes / 7 / (2 * Mib) * 2 * Mib))
        {
            long rawBytes = NamespaceSizes.RawBytes(usableBytes, alignmentBytes);
            Assert.True(rawBytes % alignmentBytes == 0 && NamespaceSizes.UsableBytes(rawBytes) >= usableBytes, $"{usableBytes} in {rawBytes}");
            long smallerBytes = rawBytes - alignmentBytes;
            Assert.True(smallerBytes < NamespaceSizes.MinimumRawBytes || NamespaceSizes.UsableBytes(smallerBytes) < usableBytes, $"{usableBytes} would fit in {smallerBytes}");
        }
    }

    [Fact]
    public void Names_fit_into_labels_and_are_told_from_others()
    {
        const string driver = "0123456789abcdef0123456789abcdef";
        string volume = NamespaceNames.Volume(driver, "given-0123456789abcdef0123456789abcdef"), pool = NamespaceNames.Pool(driver, new string('p', 32));
        Assert.True(volume.Length <= 63 && pool.Length <= 63, $"{volume.Length} and {pool.Length} characters");
        Assert.Equal((NamespaceNames.MarkOf(driver), "given-0123456789abcdef0123456789abcdef"), NamespaceNames.Parse(volume));
        Assert.Null(NamespaceNames.Parse("files"));
        Assert.Null(NamespaceNames.Parse("cscm.short"));
    }

    [Theory]
    [InlineData(LabelState.Blank, "cscm regions prepare region0")]
    [InlineData(LabelState.None, "source=/dev/pmem0")]
    public void A_region_that_cannot_be_divided_is_refused_with_what_to_do(LabelState labels, string remedy)
    {
        StorageException refusal = Assert.Throws<StorageException>(() => RegionRules.RequireCarvable(RegionOf(labels), "fast"));
        Assert.Equal(StorageErrorKind.FailedPrecondition, refusal.Kind);
        Assert.Contains(remedy, refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Preparing_names_what_is_lost_and_refuses_what_holds_data()
    {
        Region blank = RegionOf(LabelState.Blank) with { Namespaces = [NamespaceOf(NamespaceMode.Raw) with { BlockDevice = null }] };
        var plan = RegionPreparation.Plan("region0", new Inventory([blank], [], [], []));
        Assert.Equal(["region0", "nmem0"], [.. plan.Regions, .. plan.Devices]);
        Assert.Contains("namespace0.0", Assert.Single(plan.Losses), StringComparison.Ordinal);

        Assert.Empty(RegionPreparation.Plan("region0", new Inventory([RegionOf(LabelState.Present)], [], [], [])).Regions);
        StorageErrorKind Refused(Region region) => Assert.Throws<StorageException>(() => RegionPreparation.Plan("region0", new Inventory([region], [], [], []))).Kind;
        Assert.Equal(StorageErrorKind.FailedPrecondition, Refused(RegionOf(LabelState.None)));
        Assert.Equal(StorageErrorKind.FailedPrecondition, Refused(RegionOf(LabelState.Blank) with { Namespaces = [NamespaceOf(NamespaceMode.FsDax)] }));
        Assert.Equal(StorageErrorKind.NotFound, Refused(RegionOf(LabelState.Blank) with { Name = "region1" }));
    }

    [Fact]
    public void A_region_that_shares_a_module_is_prepared_along_and_its_data_refuse_both()
    {
        Region one = RegionOf(LabelState.Blank) with { Namespaces = [] };
        Region other = one with { Name = "region1", Devices = [.. one.Devices, new MemoryDevice("nmem1", null, LabelState.Blank, 0, [])] };
        var plan = RegionPreparation.Plan("region0", new Inventory([one, other], [], [], []));
        Assert.Equal(["region0", "region1", "nmem0", "nmem1"], [.. plan.Regions, .. plan.Devices]);
        Assert.Throws<StorageException>(() => RegionPreparation.Plan("region0", new Inventory([one, other with { Namespaces = [NamespaceOf(NamespaceMode.DevDax)] }], [], [], [])));
    }

    [Fact]
    public void Power_that_went_while_data_was_in_flight_is_told_until_the_pool_is_opened_again()
    {
        string file = Path.Combine(StoragePaths.NewDirectory(), "counts");
        Region With(long count) => RegionOf(LabelState.Present) with { InterleaveSet = 0xabc, Devices = [new MemoryDevice("nmem0", null, LabelState.Present, count, [])] };
        Assert.Empty(UnsafeShutdowns.Read(file, [With(7)]).Examine("fast"));
        Assert.Empty(UnsafeShutdowns.Read(file, [With(7)]).Examine("fast"));
        PoolHealth finding = Assert.Single(UnsafeShutdowns.Read(file, [With(8) with { Name = "region5" }]).Examine("fast"));
        Assert.Equal(("UnsafeShutdown", HealthKind.Degraded), (finding.Reason, finding.Kind));
        Assert.Empty(UnsafeShutdowns.Read(file, [With(8)]).Examine("fast"));
        Directory.Delete(Path.GetDirectoryName(file)!, recursive: true);
    }

    private static Region RegionOf(LabelState labels) => new()
    {
        Name = "region0",
        Technology = RegionTechnology.Nvdimm,
        SizeBytes = 1 << 30,
        AvailableBytes = 0,
        MaximumExtentBytes = 0,
        AlignmentBytes = 16 << 20,
        NumaNode = 0,
        InterleaveWays = 1,
        InterleaveSet = null,
        PersistenceDomain = PersistenceDomain.MemoryController,
        IsSynchronous = true,
        IsReadOnly = false,
        Labels = labels,
        Devices = [new MemoryDevice("nmem0", null, labels, 0, [])],
        Namespaces = [NamespaceOf(NamespaceMode.Raw)],
        BadRanges = [],
        Health = [],
    };

    private static Namespace NamespaceOf(NamespaceMode mode) => new()
    {
        Name = "namespace0.0",
        Mode = mode,
        SizeBytes = 1 << 30,
        RawSizeBytes = 1 << 30,
        AlignmentBytes = null,
        Uuid = null,
        AlternativeName = "",
        BlockDevice = "pmem0",
        DaxDevice = null,
    };
}
