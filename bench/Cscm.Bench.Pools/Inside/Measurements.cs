using System.Diagnostics;
using Cscm.Storage;
using Cscm.Storage.Pools;

namespace Cscm.Bench.Pools.Inside;

/// <summary>Every figure of bench/pools, in one run. Ratios are of contestants that took turns.</summary>
internal sealed class Measurements
{
    private const long MiB = 1L << 20;
    private const string Root = "/tmp/bench";
    // Warm: an emulated processor translates what it meets for the first time, which takes longer than running it.
    private const int Rounds = 25, WarmUpRounds = 60;
    private const int ManyVolumes = 1000, Sample = 40;
    private const int ToolRounds = 5, ToolWarmUpRounds = 8, EraseRounds = 3, StreamRounds = 61;
    private const long LargeBytes = 768 * MiB;

    private Driver _driver = null!;

    public async Task RunAsync()
    {
        Directory.CreateDirectory(Root);
        _driver = await Driver.OpenAsync(Root);
        (double byHand, double durableByHand) = await CreateVersusByHandAsync();
        double toolShare = await ToolShareAsync();
        (double deleteSeconds, double erase) = await EraseVersusBlkdiscardAsync();
        double stream = await StreamAsync();
        double growth = await GrowthAsync();
        Console.WriteLine(
            $"xfs_create_vs_by_hand={byHand:0.00} xfs_create_vs_durable_by_hand={durableByHand:0.00} xfs_growth_at_1000={growth:0.00} lvm_tool_share={toolShare:0.00} "
            + $"delete_returns_s={deleteSeconds:0.000} erase_vs_blkdiscard={erase:0.00} stream_in_container_vs_outside={stream:0.000}");
    }

    /// <summary>In an order shuffled anew each round: whoever comes first after the erasure of the round before meets cold caches.</summary>
    /// <returns>Our time over that of a volume made by hand, and over that of one that is as durable as ours.</returns>
    private async Task<(double Plain, double Durable)> CreateVersusByHandAsync()
    {
        var hand = new ByHand(Root, Path.Combine(Root, "state/pools", Driver.XfsPool, "medium"));
        List<double> ours = [], plain = [], durable = [];
        (List<double> Times, Func<int, Task<double>> Turn)[] contestants =
        [
            (ours, OurTurnAsync), (plain, round => Task.FromResult(HandsTurn(round, isDurable: false))), (durable, round => Task.FromResult(HandsTurn(round, isDurable: true))),
        ];
        for (int round = -WarmUpRounds; round < Rounds; round++)
        {
            if (round == 0)
                _driver.Steps.Take();
            Random.Shared.Shuffle(contestants);
            foreach ((List<double> times, Func<int, Task<double>> turn) in contestants)
            {
                double seconds = await turn(round);
                if (round >= 0)
                    times.Add(seconds);
            }
            await _driver.WhenErasedAsync();
        }
        Console.WriteLine($"xfs: create + stage + publish {Numbers.Median(ours) * 1e3:0.0} ms, by hand {Numbers.Median(plain) * 1e3:0.0} ms, by hand and synced {Numbers.Median(durable) * 1e3:0.0} ms");
        Console.WriteLine($"xfs: milliseconds from step to step: {_driver.Steps.Take()}");
        return (Numbers.Median(ours.Zip(plain, (our, their) => our / their)), Numbers.Median(ours.Zip(durable, (our, their) => our / their)));

        async Task<double> OurTurnAsync(int round)
        {
            VolumeInfo? volume = null;
            double seconds = await TimeAsync(async () =>
            {
                volume = await _driver.CreateAsync($"round{round}", 64 * MiB);
                await _driver.PublishAsync(volume);
            });
            await RemoveAsync(volume!);
            return seconds;
        }

        double HandsTurn(int round, bool isDurable)
        {
            double seconds = Numbers.SecondsOf(() => hand.Make(round, 64 * MiB, isDurable));
            hand.Remove(round);
            return seconds;
        }
    }

    private async Task<double> ToolShareAsync()
    {
        var shares = new List<double>();
        for (int round = -ToolWarmUpRounds; round < ToolRounds; round++)
        {
            if (round == 0)
                _driver.Steps.Take();
            TimeSpan before = ToolRunner.Spent;
            VolumeInfo? volume = null;
            double total = await TimeAsync(async () =>
            {
                volume = await _driver.CreateAsync($"tools{round}", 128 * MiB, Driver.LvmPool);
                await _driver.PublishAsync(volume);
            });
            double share = (ToolRunner.Spent - before).TotalSeconds / total;
            await _driver.UnpublishAsync(volume!);
            await _driver.DeleteAsync(volume!);
            await _driver.WhenErasedAsync();
            Console.WriteLine($"lvm: create + stage + publish {total * 1e3:0} ms, {share:P0} of it in tools{(round < 0 ? " (warming up, not counted)" : "")}");
            if (round >= 0)
                shares.Add(share);
        }
        Console.WriteLine($"lvm: milliseconds from step to step: {_driver.Steps.Take()}");
        return Numbers.Median(shares);
    }

    private async Task<(double DeleteSeconds, double VersusBlkdiscard)> EraseVersusBlkdiscardAsync()
    {
        double longest = 0;
        var ratios = new List<double>();
        for (int round = 0; round < EraseRounds; round++)
        {
            VolumeInfo volume = await _driver.CreateAsync($"large{round}", LargeBytes);
            Fill(Path.Combine(await _driver.PublishAsync(volume), "all"), LargeBytes);
            await _driver.UnpublishAsync(volume);
            long start = Stopwatch.GetTimestamp();
            await _driver.DeleteAsync(volume);
            double returned = Stopwatch.GetElapsedTime(start).TotalSeconds;
            await _driver.WhenErasedAsync();
            double erased = Stopwatch.GetElapsedTime(start).TotalSeconds;
            double discarded = Numbers.SecondsOf(() => Run("blkdiscard", "-f", "-z", "-l", $"{LargeBytes}", "/dev/pmem2"));
            Console.WriteLine($"xfs: delete of {LargeBytes / MiB} MiB returned after {returned * 1e3:0} ms, erased after {erased * 1e3:0} ms; blkdiscard -z of as much {discarded * 1e3:0} ms");
            longest = Math.Max(longest, returned);
            ratios.Add(discarded / erased);
        }
        return (longest, Numbers.Median(ratios));
    }

    private async Task<double> StreamAsync()
    {
        VolumeInfo inside = await _driver.CreateAsync("inside", 128 * MiB), outside = await _driver.CreateAsync("outside", 128 * MiB);
        string inContainer = await _driver.PublishAsync(inside), onHost = await _driver.PublishAsync(outside);
        var ratios = new List<double>();
        using (StreamProcess container = StreamProcess.InContainer(inContainer, Path.Combine(Root, "bundle")))
        using (StreamProcess host = StreamProcess.Outside(onHost))
        {
            for (int round = -1; round < StreamRounds; round++)
            {
                bool isContainerFirst = round % 2 == 0;
                double first = isContainerFirst ? container.Sweep(1) : host.Sweep(1), second = isContainerFirst ? host.Sweep(1) : container.Sweep(1);
                if (round >= 0)
                    ratios.Add(isContainerFirst ? first / second : second / first);
            }
        }
        Console.WriteLine($"stream: in the container {Numbers.Median(ratios):P1} of outside, {StreamRounds} rounds, half of them between {Numbers.Quantile(ratios, 0.25):0.00} and {Numbers.Quantile(ratios, 0.75):0.00}");
        foreach (VolumeInfo volume in new[] { inside, outside })
        {
            await _driver.UnpublishAsync(volume);
            await _driver.DeleteAsync(volume);
        }
        return Numbers.Median(ratios);
    }

    /// <summary>The last of many against few, before and after: a machine that grew faster or slower meanwhile must not count.</summary>
    private async Task<double> GrowthAsync()
    {
        var volumes = new List<VolumeInfo>();
        double before = await MakeSampleAsync();
        while (volumes.Count < ManyVolumes - Sample)
            await MakeAsync();
        double last = await MakeSampleAsync();
        foreach (VolumeInfo volume in volumes)
            await RemoveAsync(volume);
        await _driver.WhenErasedAsync();
        double after = await MakeSampleAsync();
        Console.WriteLine($"xfs: the first {Sample} of {ManyVolumes} volumes took {before * 1e3:0.0} ms each, the last {last * 1e3:0.0} ms, the first of the next {after * 1e3:0.0} ms");
        return last / ((before + after) / 2);

        async Task<double> MakeSampleAsync()
        {
            var seconds = new List<double>();
            for (int i = 0; i < Sample; i++)
                seconds.Add(await Numbers.SecondsOfAsync(MakeAsync));
            return Numbers.Median(seconds);
        }

        async Task MakeAsync()
        {
            VolumeInfo volume = await _driver.CreateAsync($"many{volumes.Count}", 2 * MiB);
            volumes.Add(volume);
            await _driver.PublishAsync(volume);
        }
    }

    private async Task RemoveAsync(VolumeInfo volume)
    {
        await _driver.UnpublishAsync(volume);
        await _driver.DeleteAsync(volume);
    }

    private async Task<double> TimeAsync(Func<Task> act)
    {
        _driver.Steps.Begin();
        double seconds = await Numbers.SecondsOfAsync(act);
        _driver.Steps.End();
        return seconds;
    }

    private static void Fill(string path, long sizeBytes)
    {
        byte[] block = new byte[MiB];
        Random.Shared.NextBytes(block);
        using var file = new FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 0);
        for (long written = 0; written < sizeBytes; written += block.Length)
            file.Write(block);
        file.Flush(flushToDisk: true);
    }

    private static void Run(string tool, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(tool, arguments) { UseShellExecute = false })!;
        process.WaitForExit();
        if (process.ExitCode != 0)
            throw new InvalidOperationException($"{tool} ended with {process.ExitCode}");
    }
}
