using System.Diagnostics;
using System.Globalization;
using Cscm.Demo.Containers;

namespace Cscm.Demo.Story;

/// <summary>
/// A transactional B-tree in a volume. A container inserts and says so after each commit; it is killed in the middle; another
/// opens the heap and counts. The acknowledgements came through a pipe, so the dead container cannot take them back.
/// </summary>
internal sealed class BTreeChapter(DemoOptions options, Func<string, Task<Container>> createContainer, string directory)
{
    private readonly string _heapFile = $"{directory}/orders.scm";

    public async Task<string> RunAsync()
    {
        long acknowledged = 0, unacknowledged = 0, replayed = 0;
        for (int round = 1; round <= options.BTreeKills; round++)
        {
            long last = await InsertUntilKilledAsync(round, acknowledged + options.BTreeInserts);
            Dictionary<string, string> found = await VerifyAsync(round);
            long count = Number(found, "count");
            // One thread inserts: when it dies, at most one transaction was committed and not yet acknowledged.
            if (count < last)
                throw new DemoException($"{last - count} of {last} acknowledged inserts are missing after kill {round}");
            if (count > last + 1)
                throw new DemoException($"after kill {round} the tree holds {count} orders, though only {last} were acknowledged");
            acknowledged = count;
            unacknowledged += count - last;
            replayed += Number(found, "replayed");
        }
        return $"{options.BTreeKills} kills: all {acknowledged} acknowledged inserts are there, none by half"
            + $" ({unacknowledged} committed in the last instant; {replayed} transactions replayed from the log)";
    }

    /// <returns>The last number that the container acknowledged.</returns>
    private async Task<long> InsertUntilKilledAsync(int round, long killAfter)
    {
        await using Container container = await createContainer($"inserter-{round}");
        Process process = container.Start("bench", "btree", "insert", "--path", _heapFile, "--size", $"{options.HeapBytes}", "--count", $"{long.MaxValue}", "--acknowledge");
        Task<string> errors = process.StandardError.ReadToEndAsync();
        long last = 0;
        Task? killing = null;
        // The reading goes on while the kill is under way, and until the pipe is empty: acknowledgements on their way count.
        while (await process.StandardOutput.ReadLineAsync() is { } line)
        {
            last = long.Parse(line, CultureInfo.InvariantCulture);
            if (last >= killAfter)
                killing ??= container.KillAsync();
        }
        if (killing is null)
            throw new DemoException($"the inserts ended by themselves after {last}: {await errors}");
        await killing;
        await container.WaitAsync();
        return last;
    }

    private async Task<Dictionary<string, string>> VerifyAsync(int round)
    {
        await using Container container = await createContainer($"verifier-{round}");
        return Figures.Read(await container.RunAsync("bench", "btree", "verify", "--path", _heapFile));
    }

    private static long Number(Dictionary<string, string> figures, string key) => long.Parse(figures[key], CultureInfo.InvariantCulture);
}
