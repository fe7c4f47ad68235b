using Csi.V1;
using Cscm.Csi.Tests.Fakes;

namespace Cscm.Csi.Tests.Services;

/// <summary>Pages over a list that changes under the reader.</summary>
public sealed class PagingTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(7)]
    [InlineData(100)]
    [InlineData(0)]
    public void Pages_of_any_size_join_to_the_whole(int maximumEntries)
    {
        string[] all = [.. Enumerable.Range(0, 20).Select(index => $"vol-{index:D2}")];
        List<string> read = [];
        string token = "";
        int pages = 0;
        do
        {
            (IReadOnlyList<string> page, token) = Paging.Slice(all, id => id, token, maximumEntries);
            Assert.True(maximumEntries == 0 || page.Count <= maximumEntries);
            Assert.True(page.Count > 0);
            read.AddRange(page);
            pages++;
        }
        while (token.Length > 0);
        Assert.Equal(all, read);
        Assert.Equal(maximumEntries == 0 ? 1 : (20 + maximumEntries - 1) / maximumEntries, pages);
    }

    [Fact]
    public void An_empty_list_is_one_empty_page()
    {
        (IReadOnlyList<string> page, string token) = Paging.Slice(Array.Empty<string>(), id => id, "", 3);
        Assert.Empty(page);
        Assert.Equal("", token);
    }

    [Fact]
    public void A_last_page_that_is_full_has_no_token()
        => Assert.Equal("", Paging.Slice(["a", "b"], id => id, "", 2).NextToken);

    /// <summary>
    /// Between pages entries come and go at random. Whatever was there from the first page to the last is read exactly once, and
    /// nothing is read twice.
    /// </summary>
    [Fact]
    public void Entries_that_stay_are_read_exactly_once_while_others_come_and_go()
    {
        for (int seed = 0; seed < 500; seed++)
        {
            var random = new Random(seed);
            var present = new SortedSet<string>(Enumerable.Range(0, random.Next(40)).Select(_ => MakeId(random)), StringComparer.Ordinal);
            var stayed = new HashSet<string>(present);
            List<string> read = [];
            string token = "";
            do
            {
                (IReadOnlyList<string> page, token) = Paging.Slice(present.ToArray(), id => id, token, random.Next(1, 6));
                read.AddRange(page);
                for (int change = random.Next(4); change > 0; change--)
                {
                    if (random.Next(2) == 0)
                        present.Add(MakeId(random));
                    else if (present.Count > 0 && present.ElementAt(random.Next(present.Count)) is string gone && present.Remove(gone))
                        stayed.Remove(gone);
                }
            }
            while (token.Length > 0);
            Assert.Equal(read.Count, read.Distinct().Count());
            Assert.True(stayed.IsSubsetOf(read), $"seed {seed}: missed {string.Join(", ", stayed.Except(read))}");
        }
    }

    [Fact]
    public async Task A_token_survives_the_deletion_of_the_entry_that_it_names()
    {
        var driver = new InProcessDriver();
        driver.Storage.Volumes.Clear();
        foreach (string id in (string[])["a", "b", "c", "d"])
            driver.Storage.Volumes[id] = FakeStorage.MakeVolume(id);
        var first = (ListVolumesResponse)(await driver.CallAsync(new ListVolumesRequest { MaxEntries = 2 }))[0];
        driver.Storage.Volumes.Remove("b");
        var second = (ListVolumesResponse)(await driver.CallAsync(new ListVolumesRequest { MaxEntries = 2, StartingToken = first.NextToken }))[0];
        Assert.Equal(["c", "d"], second.Entries.Select(entry => entry.Volume.VolumeId));
        Assert.Equal("", second.NextToken);
    }

    private static string MakeId(Random random) => $"vol-{random.Next(200):x}{(random.Next(3) == 0 ? "é" : "")}";
}
