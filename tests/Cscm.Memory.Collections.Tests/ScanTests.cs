using Cscm.Memory.Tests;

namespace Cscm.Memory.Collections.Tests;

public sealed class ScanTests
{
    [Fact]
    public void A_scan_of_a_map_sees_no_key_twice_and_none_left_out_when_buckets_merge_and_split_under_it()
    {
        // At different places: between two buckets that merge, and not.
        for (int removal = 4000; removal < 4100; removal += 9)
        {
            ScanMap(removal);
        }
    }

    private static void ScanMap(int removal)
    {
        using var test = new TestHeap(16 << 20);
        var map = new ScmHashMap<int, int>(test.Heap, "it");
        for (int key = 0; key < 10_000; key++)
        {
            map.Set(key, key);
        }

        var seen = new HashSet<int>();
        foreach ((int key, int _) in map)
        {
            Assert.True(seen.Add(key), $"{key} was seen twice");
            if (seen.Count == removal)
            {
                for (int other = 0; other < 10_000; other++)
                {
                    Assert.True(seen.Contains(other) || other % 100 == 0 || map.Remove(other));
                }
            }
            else if (seen.Count == removal + 40)
            {
                for (int added = 10_000; added < 15_000; added++)
                {
                    map.Set(added, added);
                }
            }
        }

        Assert.All(Enumerable.Range(0, 100), i => Assert.Contains(i * 100, seen));
    }

    [Fact]
    public void A_scan_of_a_tree_goes_on_from_its_last_key_when_leaves_come_and_go_under_it()
    {
        using var test = new TestHeap(16 << 20);
        var tree = new ScmBTree<int, int>(test.Heap, "it");
        for (int key = 0; key < 10_000; key += 2)
        {
            tree.Set(key, key);
        }

        List<int> seen = [];
        foreach ((int key, int _) in tree)
        {
            seen.Add(key);
            if (key == 3000)
            {
                for (int other = 2000; other < 5000; other += 2)
                {
                    tree.Remove(other);
                }
            }
            else if (key == 6000)
            {
                for (int other = 6001; other < 8000; other += 2)
                {
                    tree.Set(other, other);
                }
            }
        }

        Assert.Equal(seen.Distinct().Order(), seen);
        int[] lasting = [.. Enumerable.Range(0, 5000).Select(i => 2 * i).Where(key => key is <= 3000 or >= 5000)];
        Assert.Equal(lasting, seen.Where(lasting.Contains));
        Assert.DoesNotContain(seen, key => key is > 3100 and < 5000);
        // What a leaf held when it was copied may still be given; what came into leaves not yet read is there.
        Assert.Equal(Enumerable.Range(3100, 900).Select(i => (2 * i) + 1), seen.Where(key => key % 2 == 1 && key > 6200));
    }
}
