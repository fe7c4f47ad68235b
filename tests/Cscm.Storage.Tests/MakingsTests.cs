using Cscm.Storage.Pools.Xfs;

namespace Cscm.Storage.Tests;

public sealed class MakingsTests : IDisposable
{
    private static readonly TimeSpan s_never = TimeSpan.FromDays(1), s_soon = TimeSpan.FromMilliseconds(1), s_limit = TimeSpan.FromSeconds(30);

    private readonly string _directory = Directory.CreateTempSubdirectory("cscm-makings-").FullName;

    private string MarkPath => Path.Combine(_directory, "mark");

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public void What_was_made_may_be_lost_until_the_mark_has_passed_it()
    {
        var makings = new Makings(MarkPath, () => { }, s_never);
        makings.Add();
        Assert.Equal(1, makings.Last);
        Assert.True(makings.MayBeLost(1));
        Assert.False(makings.MayBeLost(0));
        Assert.True(new Makings(MarkPath, () => { }, s_never).MayBeLost(1));
    }

    [Fact]
    public async Task The_mark_follows_the_sync_and_outlives_the_process()
    {
        var synced = new List<bool>();
        Makings makings = null!;
        makings = new Makings(MarkPath, () => synced.Add(makings.MayBeLost(makings.Last)), s_soon);
        makings.Add();
        makings.Add();
        await WaitAsync(() => !makings.MayBeLost(2));
        Assert.DoesNotContain(false, synced);
        var next = new Makings(MarkPath, () => { }, s_never);
        Assert.Equal((2, false, true), (next.Last, next.MayBeLost(2), next.MayBeLost(3)));
    }

    [Fact]
    public async Task A_medium_that_cannot_be_synced_moves_no_mark()
    {
        int tries = 0;
        var makings = new Makings(MarkPath, () =>
        {
            tries++;
            throw new IOException("gone");
        }, s_soon);
        makings.Add();
        await WaitAsync(() => Volatile.Read(ref tries) == 1);
        makings.Add();
        await WaitAsync(() => Volatile.Read(ref tries) == 2);
        Assert.True(makings.MayBeLost(1));
        Assert.False(File.Exists(MarkPath));
    }

    [Fact]
    public void Numbers_go_on_after_those_of_earlier_processes()
    {
        var makings = new Makings(MarkPath, () => { }, s_never);
        makings.Adopt(7);
        makings.Adopt(3);
        makings.Add();
        Assert.Equal(8, makings.Last);
    }

    [Fact]
    public async Task What_an_earlier_process_made_is_marked_once_it_is_all_there()
    {
        var makings = new Makings(MarkPath, () => { }, s_soon);
        makings.Adopt(7);
        Assert.True(makings.MayBeLost(7));
        makings.MarkLater();
        await WaitAsync(() => !makings.MayBeLost(7));
    }

    [Fact]
    public async Task With_a_damaged_mark_nothing_is_made_again_until_there_is_a_new_one()
    {
        await File.WriteAllTextAsync(MarkPath, "seven");
        var makings = new Makings(MarkPath, () => { }, s_soon);
        makings.Adopt(500);
        Assert.False(makings.MayBeLost(500));
        makings.MarkLater();
        await WaitAsync(() => File.ReadAllText(MarkPath) == "500");
        await WaitAsync(() => makings.MayBeLost(501));
    }

    private static async Task WaitAsync(Func<bool> condition)
    {
        using var limit = new CancellationTokenSource(s_limit);
        while (!condition())
            await Task.Delay(5, limit.Token);
    }
}
