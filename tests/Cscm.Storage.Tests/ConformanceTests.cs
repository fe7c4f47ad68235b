using Cscm.Storage.Conformance;

namespace Cscm.Storage.Tests;

/// <summary>The conformance suite over the pools that need no storage class memory. The others run it in the machine.</summary>
public sealed class ConformanceTests
{
    public static TheoryData<PoolKind, string> Cases()
    {
        var cases = new TheoryData<PoolKind, string>();
        foreach (PoolKind kind in new[] { PoolKind.File, PoolKind.Dram })
        {
            foreach (Scenario scenario in Suite.For(kind))
                cases.Add(kind, scenario.Name);
        }
        return cases;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task A_pool_conforms(PoolKind kind, string scenario)
    {
        string root = StoragePaths.NewDirectory();
        try
        {
            var pool = new PoolOptions { Name = "pool", Kind = kind, SizeBytes = 256 * StorageFixture.MiB };
            await foreach (Outcome outcome in Runner.RunAsync(pool, root, Suite.All.Where(candidate => candidate.Name == scenario)))
                Assert.Null(outcome.Failure);
            Assert.Empty(StoragePaths.FindLeaks(root));
        }
        finally
        {
            StoragePaths.TakeDown(root);
        }
    }

    [Fact]
    public void Scenarios_have_names_of_their_own()
        => Assert.Equal(Suite.All.Count, Suite.All.Select(scenario => scenario.Name).Distinct(StringComparer.Ordinal).Count());
}
