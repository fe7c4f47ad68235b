using Cscm.Storage.Pools.Lvm;

namespace Cscm.Storage.Tests;

/// <summary>Where volumes go in a volume group: planned without lvm, for any number of creations and removals.</summary>
public sealed class LvmExtentMapTests
{
    [Fact]
    public void A_volume_goes_into_the_smallest_run_that_holds_it()
    {
        ExtentMap map = MapOf(("a", 0, 100), ("a", 200, 30), ("b", 0, 40));
        Assert.Equal([new ExtentRun("a", 200, 25)], map.Plan(25, 1, [])!);
        Assert.Equal([new ExtentRun("b", 0, 31)], map.Plan(31, 1, [])!);
    }

    [Fact]
    public void Where_no_run_holds_it_a_volume_lies_in_as_few_pieces_as_can_be()
    {
        ExtentMap map = MapOf(("a", 0, 50), ("a", 60, 5), ("b", 0, 30), ("b", 40, 12));
        Assert.Equal([new ExtentRun("a", 0, 50), new ExtentRun("b", 40, 10)], map.Plan(60, 1, [])!);
        Assert.Null(map.Plan(98, 1, []));
    }

    [Fact]
    public void Stripes_get_equal_shares_of_the_devices_with_most_room()
    {
        ExtentMap map = MapOf(("a", 0, 10), ("b", 0, 50), ("c", 0, 40));
        Assert.Equal([new ExtentRun("b", 0, 20), new ExtentRun("c", 0, 20)], map.Plan(40, 2, [])!);
        Assert.Null(map.Plan(60, 3, []));
        Assert.Null(map.Plan(4, 4, []));
    }

    [Fact]
    public void Growth_goes_on_where_the_volume_ends()
    {
        ExtentMap map = MapOf(("a", 0, 5), ("a", 20, 10));
        Assert.Equal([new ExtentRun("a", 20, 4)], map.Plan(4, 1, [new ExtentRun("a", 10, 10)])!);
        Assert.Equal([new ExtentRun("a", 20, 10), new ExtentRun("a", 0, 2)], map.Plan(12, 1, [new ExtentRun("a", 10, 10)])!);
        ExtentMap striped = MapOf(("a", 20, 10), ("b", 30, 10), ("c", 0, 90));
        Assert.Equal(
            [new ExtentRun("a", 20, 3), new ExtentRun("b", 30, 3)],
            striped.Plan(6, 2, [new ExtentRun("a", 0, 20), new ExtentRun("b", 0, 30)])!);
    }

    [Theory]
    [InlineData(1, 100, 100)]
    [InlineData(2, 60, 80)]
    [InlineData(3, 30, 30)]
    [InlineData(4, 0, 0)]
    public void What_can_be_had_over_several_devices_is_told_truly(int stripes, long largest, long usable)
    {
        ExtentMap map = MapOf(("a", 0, 10), ("b", 0, 60), ("c", 0, 30));
        // Over two devices, b gives no more than a and c together.
        Assert.Equal((largest, usable), (map.LargestCount(stripes), map.UsableCount(stripes)));
        Assert.Equal(largest > 0, map.Plan(Math.Max(largest, stripes), stripes, []) is not null);
        Assert.Null(map.Plan(largest + stripes, stripes, []));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void A_long_run_of_creations_growths_and_removals_loses_no_extent_and_leaves_space_whole(int stripes)
    {
        const long DeviceExtents = 20_000;
        var random = new Random(stripes);
        ExtentMap map = MapOf(("a", 0, DeviceExtents), ("b", 0, DeviceExtents));
        var volumes = new List<List<ExtentRun>>();
        long pieces = 0, made = 0;
        for (int step = 0; step < 20_000; step++)
        {
            // Between half and nine tenths full: where fragments hurt.
            bool isFull = map.FreeCount < DeviceExtents / 5, isEmpty = map.FreeCount > DeviceExtents;
            int act = isFull ? 2 : isEmpty ? 0 : random.Next(3);
            if (act == 0)
            {
                long count = stripes * (long)Math.Pow(2, 3 + (random.NextDouble() * 7));
                IReadOnlyList<ExtentRun> runs = map.Plan(count, stripes, [])!;
                Assert.Equal(count, runs.Sum(run => run.Count));
                map.Take(runs);
                volumes.Add([.. runs]);
                pieces += runs.Count;
                made++;
            }
            else if (act == 1 && volumes.Count > 0)
            {
                List<ExtentRun> volume = volumes[random.Next(volumes.Count)];
                ExtentRun[] behind = [.. volume.GroupBy(run => run.Device).Select(device => device.Last()).Take(stripes)];
                if (map.Plan(8 * stripes, stripes, behind) is { } more)
                {
                    map.Take(more);
                    volume.AddRange(more);
                }
            }
            else if (volumes.Count > 0)
            {
                int index = random.Next(volumes.Count);
                map.Give(volumes[index]);
                volumes.RemoveAt(index);
            }
            Assert.Equal(2 * DeviceExtents, map.FreeCount + volumes.Sum(volume => volume.Sum(run => run.Count)));
        }
        double piecesPerStripe = (double)pieces / made / stripes;
        Assert.True(piecesPerStripe < 1.05, $"a volume lies in {piecesPerStripe:F3} pieces a stripe");
        foreach (List<ExtentRun> volume in volumes)
            map.Give(volume);
        Assert.Equal((2, DeviceExtents), (map.RunsCount, map.LargestRunCount));
    }

    [Fact]
    public void What_is_not_free_cannot_be_taken_and_what_is_cannot_be_given()
    {
        ExtentMap map = MapOf(("a", 10, 10));
        Assert.Throws<InvalidOperationException>(() => map.Take([new ExtentRun("a", 15, 10)]));
        Assert.Throws<InvalidOperationException>(() => map.Give([new ExtentRun("a", 19, 2)]));
        Assert.Throws<InvalidOperationException>(() => map.Give([new ExtentRun("a", 5, 6)]));
        Assert.Equal("a:10-19", new ExtentRun("a", 10, 10).ToString());
    }

    private static ExtentMap MapOf(params (string Device, long Start, long Count)[] free)
        => new(free.Select(run => run.Device).Distinct(), free.Select(run => new ExtentRun(run.Device, run.Start, run.Count)));
}
