using Cscm.Storage.Pools;

namespace Cscm.Storage.Tests;

public sealed class PoolSourceTests
{
    [Fact]
    public void Sources_are_told_apart()
        => Assert.Equal(
            [
                new PoolSource(PoolSourceKind.Region, "region12"), new PoolSource(PoolSourceKind.Namespace, "fast one"),
                new PoolSource(PoolSourceKind.VolumeGroup, "data"), new PoolSource(PoolSourceKind.Device, "/dev/disk/by-id/x"),
            ],
            PoolSource.ParseList("region12+namespace:fast one+vg:data+/dev/disk/by-id/x"));

    [Theory]
    [InlineData("")]
    [InlineData("region")]
    [InlineData("region1a")]
    [InlineData("pmem0")]
    [InlineData("namespace:")]
    [InlineData("vg:-x")]
    [InlineData("vg:a/b")]
    [InlineData("/dev/")]
    [InlineData("/dev/../etc/passwd")]
    [InlineData("region0+")]
    public void What_is_no_source_is_refused(string text)
        => Assert.Contains("is no source", Assert.Throws<FormatException>(() => PoolSource.ParseList(text)).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData(PoolKind.Lvm, "", 1, "lacks a source")]
    [InlineData(PoolKind.File, "region0", 1, "takes nothing from region0")]
    [InlineData(PoolKind.Namespace, "/dev/pmem0", 1, "/dev/pmem0 is none")]
    [InlineData(PoolKind.Lvm, "vg:a+region0", 1, "name the volume group alone")]
    [InlineData(PoolKind.Namespace, "region0", 2, "stripes 2")]
    [InlineData(PoolKind.Lvm, "region0", 0, "stripes 0")]
    public void Pools_whose_sources_make_no_sense_are_refused(PoolKind kind, string sources, int stripes, string reason)
    {
        var pool = new PoolOptions { Name = "fast", Kind = kind, SizeBytes = 1 << 30, Stripes = stripes, Sources = sources.Length == 0 ? [] : PoolSource.ParseList(sources) };
        StorageException refusal = Assert.Throws<StorageException>(() => PoolOptionsRules.Check([pool]));
        Assert.Equal(StorageErrorKind.InvalidArgument, refusal.Kind);
        Assert.Contains(reason, refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Two_pools_of_one_kind_cannot_take_from_one_source_and_pools_of_two_kinds_can()
    {
        PoolOptions one = new() { Name = "one", Kind = PoolKind.Lvm, SizeBytes = 1 << 30, Sources = PoolSource.ParseList("region0") };
        PoolOptions other = one with { Name = "other" };
        Assert.Contains("two pools of kind Lvm take from region0", Assert.Throws<StorageException>(() => PoolOptionsRules.Check([one, other])).Message, StringComparison.Ordinal);
        Assert.Equal(2, PoolOptionsRules.Check([one, other with { Kind = PoolKind.Namespace }]).Count);
    }

    [Theory]
    [InlineData(PoolKind.Dram, 1L << 30, "zeroes nothing behind a delete")]
    [InlineData(PoolKind.Xfs, 0, "would take space out of use for days")]
    [InlineData(PoolKind.Xfs, (2L << 20) - 1, "give 2097152 or more")]
    public void An_erase_rate_that_helps_nobody_is_refused(PoolKind kind, long bytesPerSecond, string why)
    {
        var pool = new PoolOptions { Name = "fast", Kind = kind, SizeBytes = 1L << 30, EraseBytesPerSecond = bytesPerSecond };
        Assert.Contains(why, Assert.Throws<StorageException>(() => PoolOptionsRules.Check([pool])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_erase_rate_is_taken_by_pools_that_zero()
        => Assert.Single(PoolOptionsRules.Check([new PoolOptions { Name = "fast", Kind = PoolKind.Xfs, SizeBytes = 1L << 30, EraseBytesPerSecond = 2 << 20 }]));
}
