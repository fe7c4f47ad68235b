using Cscm.Storage.Pools;

namespace Cscm.Storage.Tests;

/// <summary>What a pool says it has, where its share and its medium are not the same size.</summary>
public sealed class LedgerTests
{
    private const long GiB = 1L << 30;

    [Fact]
    public void A_share_larger_than_its_medium_has_what_the_medium_has()
    {
        long mediumFreeBytes = 5 * GiB;
        var ledger = new Ledger(64L << 40, () => mediumFreeBytes);
        Assert.Equal(5 * GiB, ledger.CapacityBytes);
        Assert.True(ledger.TryCharge("a", 2 * GiB));
        Assert.Equal((5 * GiB, 3 * GiB), (ledger.CapacityBytes, ledger.FreeBytes));
        // The medium gives what was charged.
        ledger.MarkAllocated("a");
        mediumFreeBytes -= 2 * GiB;
        Assert.Equal((5 * GiB, 3 * GiB), (ledger.CapacityBytes, ledger.FreeBytes));
    }

    [Fact]
    public void A_share_smaller_than_its_medium_is_all_there_is_even_when_its_volumes_are_more()
    {
        var ledger = new Ledger(4 * GiB, static () => 100 * GiB);
        Assert.Equal(4 * GiB, ledger.CapacityBytes);
        ledger.Adopt("a", 6 * GiB);
        Assert.Equal((4 * GiB, 0), (ledger.CapacityBytes, ledger.FreeBytes));
    }
}
