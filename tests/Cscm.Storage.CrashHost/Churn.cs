namespace Cscm.Storage.CrashHost;

/// <summary>Workers that take volumes through whole lives in parallel, each its own, until someone kills them. A start after that begins every life anew.</summary>
internal static class Churn
{
    private const int Workers = 4;

    public static async Task RunAsync(string root, int seed, TimeSpan duration)
    {
        Bench bench = await Bench.OpenAsync(root, IStepObserver.None);
        using var stop = new CancellationTokenSource(duration);
        await Task.WhenAll(Enumerable.Range(0, Workers).Select(worker => Task.Run(() => WorkAsync(bench, worker, new Random((seed * Workers) + worker), stop.Token))));
        if (duration > TimeSpan.Zero)
            return;
        await bench.TakeDownAsync();
        foreach (string line in Leftovers.Find(bench, root))
            await Console.Out.WriteLineAsync("left " + line);
    }

    private static async Task WorkAsync(Bench bench, int worker, Random random, CancellationToken stop)
    {
        string name = $"worker{worker}";
        string pool = worker == 0 ? "dram" : "file";
        while (!stop.IsCancellationRequested)
        {
            VolumeInfo volume = await bench.CreateAsync(name, pool);
            await bench.StageAsync(name);
            string record = Path.Combine(bench.StageOf(name), "record");
            // What an earlier life of this volume wrote is whole or not there.
            if (File.Exists(record) && await File.ReadAllTextAsync(record, CancellationToken.None) is { Length: > 0 } text && text != name)
                throw new InvalidOperationException($"{name} holds {text}");
            await File.WriteAllTextAsync(record, name, CancellationToken.None);
            await bench.PublishAsync(name, name);
            if (pool == "file" && random.Next(2) == 0)
                await bench.SnapshotAsync(name, name);
            if (random.Next(2) == 0)
                await bench.Manager.ExpandVolumeAsync(volume.Id, new SizeRange(16 * Bench.MiB, 0), CancellationToken.None);
            await bench.UnpublishAsync(volume.Id, name);
            await bench.UnstageAsync(name);
            foreach (SnapshotInfo snapshot in bench.Manager.ListSnapshots().Where(snapshot => snapshot.SourceVolumeId == volume.Id))
                await bench.Manager.DeleteSnapshotAsync(snapshot.Id, CancellationToken.None);
            await bench.Manager.DeleteVolumeAsync(volume.Id, CancellationToken.None);
            await Console.Out.WriteLineAsync($"life {name}");
        }
    }
}
