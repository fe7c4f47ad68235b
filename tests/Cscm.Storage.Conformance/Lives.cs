namespace Cscm.Storage.Conformance;

/// <summary>
/// Volumes that live in parallel until the power goes, and the look at what is left after it. What a worker was told is kept in a journal
/// of its own, durably and before it goes on: what is written there must be found, what is not may be or not.
/// </summary>
internal static class Lives
{
    private const int Workers = 2;

    /// <summary>Begins lives for ever; prints a line per call that came back.</summary>
    public static async Task LiveAsync(PoolOptions pool, string root, int seed)
    {
        await using Bed bed = await Bed.OpenAsync(pool, root);
        await bed.SettleAsync();
        Note(root, "pool", $"free {bed.Pool.Capacity.AvailableBytes}");
        await Task.WhenAll(Enumerable.Range(0, Workers).Select(worker => Task.Run(() => WorkAsync(bed, root, worker, new Random((seed * Workers) + worker)))));
    }

    /// <summary>Starts over what is left, holds it against the journals, takes it all away, and holds that the pool is as it was.</summary>
    public static async Task CheckAsync(PoolOptions pool, string root)
    {
        await using Bed bed = await Bed.OpenAsync(pool, root);
        int lives = 0;
        for (int worker = 0; worker < Workers; worker++)
        {
            string[] notes = Read(root, $"worker{worker}");
            lives += notes.Length;
            foreach (string name in notes.Select(note => note.Split(' ')[1]).Distinct())
                await CheckOneAsync(bed, name, [.. notes.Where(note => note.Split(' ')[1] == name).Select(note => note.Split(' ')[0])]);
        }
        Require.That(lives > 0, "nothing had happened when the power went: nothing was tested");
        await bed.CleanUpAsync();
        long freeBytes = long.Parse(Read(root, "pool")[0].Split(' ')[1]);
        Require.Equal(freeBytes, bed.Pool.Capacity.AvailableBytes);
        Require.Equal("", string.Join("; ", bed.Manager.GetPoolHealth().Select(health => health.Message)));
        foreach (string journal in Directory.GetFiles(root, "*.journal"))
            File.Delete(journal);
        await Console.Out.WriteLineAsync($"checked {lives}");
    }

    private static async Task CheckOneAsync(Bed bed, string name, string[] notes)
    {
        VolumeInfo? volume = bed.Manager.ListVolumes().FirstOrDefault(candidate => candidate.Name == name);
        if (notes.Contains("deleted"))
            Require.That(volume is null, $"{name} was deleted and is there");
        if (notes.Contains("written") && !notes.Contains("deleting"))
        {
            Require.That(volume is not null, $"{name} was written and is gone");
            Require.Equal("", string.Join("; ", volume!.Health.Select(finding => finding.Message)), name);
            if (notes.Contains("grown"))
                Require.That(volume.CapacityBytes >= 2 * bed.SmallBytes, $"{name} had grown and has {volume.CapacityBytes} bytes");
            Require.Equal(name, await File.ReadAllTextAsync(Path.Combine(await bed.PublishAsync(volume), "record")), name);
        }
    }

    private static async Task WorkAsync(Bed bed, string root, int worker, Random random)
    {
        for (int life = 0; ; life++)
        {
            string name = $"life-{worker}-{life}", journal = $"worker{worker}";
            VolumeInfo volume = await bed.CreateAsync(name);
            Note(root, journal, $"created {name}");
            string record = Path.Combine(await bed.PublishAsync(volume), "record");
            await using (var file = new FileStream(record, FileMode.Create, FileAccess.Write))
            {
                file.Write(System.Text.Encoding.UTF8.GetBytes(name));
                file.Flush(flushToDisk: true);
            }
            Note(root, journal, $"written {name}");
            if (random.Next(2) == 0)
            {
                SnapshotInfo snapshot = await bed.Manager.CreateSnapshotAsync(name, volume.Id, CancellationToken.None);
                await bed.Manager.DeleteSnapshotAsync(snapshot.Id, CancellationToken.None);
                Note(root, journal, $"copied {name}");
            }
            if (random.Next(2) == 0)
            {
                await bed.TakeDownAsync(volume.Id);
                await bed.Manager.ExpandVolumeAsync(volume.Id, new SizeRange(2 * bed.SmallBytes, 0), CancellationToken.None);
                Note(root, journal, $"grown {name}");
            }
            // Every third volume stays until there are some.
            if (life % 3 == 2 && bed.Manager.ListVolumes().Count < 2 * Workers)
                continue;
            Note(root, journal, $"deleting {name}");
            await bed.DeleteAsync(volume);
            Note(root, journal, $"deleted {name}");
        }
    }

    private static void Note(string root, string journal, string text)
    {
        using (var file = new FileStream(Path.Combine(root, journal + ".journal"), FileMode.Append, FileAccess.Write))
        {
            file.Write(System.Text.Encoding.UTF8.GetBytes(text + "\n"));
            file.Flush(flushToDisk: true);
        }
        Console.WriteLine(text);
    }

    /// <summary>Whole lines: one that was being written when the power went was promised to nobody.</summary>
    private static string[] Read(string root, string journal)
    {
        string path = Path.Combine(root, journal + ".journal");
        if (!File.Exists(path))
            return [];
        string text = File.ReadAllText(path);
        return text[..(text.LastIndexOf('\n') + 1)].Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }
}
