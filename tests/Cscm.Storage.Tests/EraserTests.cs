using System.Collections.Concurrent;
using System.Diagnostics;
using Cscm.Storage.Erase;

namespace Cscm.Storage.Tests;

/// <summary>The eraser over pools that are nothing but a trash: order, rate, failure, and what a restart finds.</summary>
public sealed class EraserTests
{
    private const long MiB = 1L << 20;

    /// <summary>Against a test that would wait for ever; nothing here takes long.</summary>
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(2);

    [Fact]
    public void Without_a_limit_a_chunk_is_as_large_as_the_eraser_can_be_stopped_between()
    {
        var pace = new ErasePace(null, TimeProvider.System, CancellationToken.None);
        Assert.Equal(ErasePace.ChunkBytes, pace.NextChunk(1L << 40));
        Assert.Equal(4096, pace.NextChunk(4096));
    }

    [Fact]
    public async Task The_limit_holds_over_all_items_of_a_region_together()
    {
        const long Rate = 40 * MiB, ItemBytes = 8 * MiB;
        const int Items = 4;
        var pool = new TrashPool(EraseAll, Rate);
        using Eraser eraser = Open(pool);
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < Items; i++)
            eraser.Take(pool, pool.Throw($"item{i}", ItemBytes));
        await eraser.WhenIdleAsync(CancellationToken.None).WaitAsync(s_limit);
        // The last chunk, a tenth of a second's worth, is begun when those before it are paid for.
        Assert.True(Stopwatch.GetElapsedTime(start).TotalSeconds >= ((double)Items * ItemBytes / Rate) - 0.15, $"erased after {Stopwatch.GetElapsedTime(start)}");
        Assert.Equal(TrashPool.SizeBytes, pool.Ledger.FreeBytes);
    }

    [Fact]
    public async Task Regions_are_erased_in_parallel_and_the_items_of_one_in_turn()
    {
        using var meeting = new Barrier(2);
        var busy = new ConcurrentDictionary<string, int>();
        bool haveMet = false, overlapped = false;
        var pool = new TrashPool((item, _) =>
        {
            overlapped |= busy.AddOrUpdate(item.Region, 1, (_, count) => count + 1) > 1;
            if (item.Id.EndsWith("first", StringComparison.Ordinal))
                haveMet |= meeting.SignalAndWait(s_limit);
            busy.AddOrUpdate(item.Region, 0, (_, count) => count - 1);
        });
        using Eraser eraser = Open(pool);
        foreach (string region in new[] { "region0", "region1" })
        {
            foreach (string name in new[] { "first", "second", "third" })
                eraser.Take(pool, pool.Throw($"{region}-{name}", MiB, region));
        }
        await eraser.WhenIdleAsync(CancellationToken.None).WaitAsync(s_limit);
        Assert.True(haveMet, "the two regions were not erased at the same time");
        Assert.False(overlapped, "two items of one region were erased at the same time");
    }

    [Fact]
    public async Task What_fails_is_shown_keeps_its_charge_holds_nobody_up_and_is_tried_again()
    {
        bool isBroken = true;
        var pool = new TrashPool((item, pace) =>
        {
            if (isBroken && item.Id == "bad")
                throw new IOException("sector 8 cannot be written");
            EraseAll(item, pace);
        });
        var time = new HandTime();
        var log = new ConcurrentQueue<string>();
        using var eraser = new Eraser([pool], time, log.Enqueue);
        eraser.Start();
        eraser.Take(pool, pool.Throw("bad", 4 * MiB));
        eraser.Take(pool, pool.Throw("good", 8 * MiB));
        await eraser.WhenIdleAsync(CancellationToken.None).WaitAsync(s_limit);
        PoolHealth finding = Assert.Single(eraser.Examine());
        Assert.Equal("EraseFailed", finding.Reason);
        Assert.Contains("bad: sector 8 cannot be written", finding.Message, StringComparison.Ordinal);
        Assert.Equal(TrashPool.SizeBytes - (4 * MiB), pool.Ledger.FreeBytes);
        Assert.Contains("bad of pool trash could not be erased", Assert.Single(log), StringComparison.Ordinal);

        isBroken = false;
        time.Tick();
        await eraser.WhenIdleAsync(CancellationToken.None).WaitAsync(s_limit);
        Assert.Empty(eraser.Examine());
        Assert.Equal(TrashPool.SizeBytes, pool.Ledger.FreeBytes);
    }

    [Fact]
    public async Task A_restart_goes_on_with_what_was_cut_off_and_charges_it_until_it_is_done()
    {
        using var begun = new SemaphoreSlim(0);
        long erasedBytes = 0;
        // A chunk is 2 MiB, and the second is due in a second: the stop comes in between.
        var slow = new TrashPool((item, pace) =>
        {
            for (long left = item.SizeBytes; left > 0;)
            {
                long chunk = pace.NextChunk(left);
                (left, erasedBytes) = (left - chunk, erasedBytes + chunk);
                begun.Release();
            }
        }, 2 * MiB);
        slow.Throw("large", 512 * MiB);
        using (Eraser eraser = Open(slow))
        {
            Assert.True(await begun.WaitAsync(s_limit));
            Assert.Equal(512 * MiB, eraser.PendingBytes(slow));
            Assert.Equal(TrashPool.SizeBytes - (512 * MiB), slow.Ledger.FreeBytes);
        }
        Assert.InRange(erasedBytes, 2 * MiB, 511 * MiB);
        Assert.Single(slow.FindErasable());

        var fast = new TrashPool(EraseAll);
        fast.Throw("large", 512 * MiB);
        using Eraser next = Open(fast);
        await next.WhenIdleAsync(CancellationToken.None).WaitAsync(s_limit);
        Assert.Empty(fast.FindErasable());
        Assert.Equal(TrashPool.SizeBytes, fast.Ledger.FreeBytes);
        Assert.Equal(0, next.PendingBytes(fast));
    }

    private static Eraser Open(TrashPool pool)
    {
        var eraser = new Eraser([pool], TimeProvider.System, _ => { });
        eraser.Start();
        return eraser;
    }

    private static void EraseAll(ErasableItem item, ErasePace pace)
    {
        for (long left = item.SizeBytes; left > 0;)
            left -= pace.NextChunk(left);
    }

    /// <summary>A clock whose one timer goes off when it is told to.</summary>
    private sealed class HandTime : TimeProvider
    {
        private Action _tick = () => { };

        public void Tick() => _tick();

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            _tick = () => callback(state);
            return System.CreateTimer(_ => { }, null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }
    }
}
