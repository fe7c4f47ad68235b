using Cscm.Storage.Pools;

namespace Cscm.Storage.Tests;

/// <summary>The size semantics of CSI's CapacityRange.</summary>
public sealed class SizesTests
{
    private const long MiB = 1L << 20, GiB = 1L << 30;

    [Theory]
    [InlineData(1, 0, 2 * MiB)]
    [InlineData(2 * MiB, 0, 2 * MiB)]
    [InlineData(2 * MiB + 1, 0, 4 * MiB)]
    [InlineData(3 * MiB, 4 * MiB, 4 * MiB)]
    [InlineData(2 * MiB, 2 * MiB, 2 * MiB)]
    [InlineData(0, 0, GiB)]
    [InlineData(0, 10 * MiB, 10 * MiB)]
    [InlineData(0, 11 * MiB, 10 * MiB)]
    [InlineData(0, 5 * GiB, GiB)]
    public void A_range_that_fits_gives_the_smallest_capacity_in_it(long required, long limit, long expected)
        => Assert.Equal(expected, Sizes.ChooseCapacity(new SizeRange(required, limit), Sizes.StepBytes));

    [Theory]
    [InlineData(-1, 0, StorageErrorKind.InvalidArgument)]
    [InlineData(0, -1, StorageErrorKind.InvalidArgument)]
    [InlineData(4 * MiB, 2 * MiB, StorageErrorKind.OutOfRange)]
    [InlineData(3 * MiB, 3 * MiB, StorageErrorKind.OutOfRange)]
    [InlineData(0, MiB, StorageErrorKind.OutOfRange)]
    [InlineData(long.MaxValue, 0, StorageErrorKind.OutOfRange)]
    [InlineData(long.MaxValue - 5, long.MaxValue, StorageErrorKind.OutOfRange)]
    public void A_range_that_fits_nothing_is_refused(long required, long limit, StorageErrorKind kind)
        => Assert.Equal(kind, Assert.Throws<StorageException>(() => Sizes.ChooseCapacity(new SizeRange(required, limit), Sizes.StepBytes)).Kind);

    [Fact]
    public void A_minimum_raises_the_capacity_up_to_the_limit()
    {
        Assert.Equal(300 * MiB, Sizes.ChooseCapacity(new SizeRange(MiB, 0), 300 * MiB));
        Assert.Equal(2 * GiB, Sizes.ChooseCapacity(new SizeRange(0, 0), 2 * GiB));
        Assert.Equal(StorageErrorKind.OutOfRange, Assert.Throws<StorageException>(() => Sizes.ChooseCapacity(new SizeRange(MiB, 299 * MiB), 300 * MiB)).Kind);
    }

    [Fact]
    public void A_charge_is_whole_or_refused_and_released_whole()
    {
        long mediumBytes = 1000;
        var ledger = new Ledger(100, () => mediumBytes);
        Assert.True(ledger.TryCharge("a", 60));
        Assert.False(ledger.TryCharge("b", 41));
        Assert.Equal(40, ledger.FreeBytes);
        Assert.True(ledger.TryCharge("a", 100));
        Assert.Equal(0, ledger.FreeBytes);
        ledger.Release("a");
        ledger.Release("a");
        Assert.Equal(100, ledger.FreeBytes);
        mediumBytes = 50;
        Assert.True(ledger.TryCharge("a", 30));
        // Not given by the medium yet, so its free space does not show it.
        Assert.Equal(20, ledger.FreeBytes);
        mediumBytes = 20;
        ledger.MarkAllocated("a");
        Assert.Equal(20, ledger.FreeBytes);
        Assert.False(ledger.TryCharge("b", 21));
    }

    [Fact]
    public async Task Parallel_charges_never_exceed_the_pool()
    {
        var ledger = new Ledger(1000, () => long.MaxValue);
        bool[] taken = await Task.WhenAll(Enumerable.Range(0, 200).Select(i => Task.Run(() => ledger.TryCharge($"v{i}", 7))));
        Assert.Equal(1000 / 7, taken.Count(isTaken => isTaken));
        Assert.Equal(1000 % 7, ledger.FreeBytes);
    }
}
