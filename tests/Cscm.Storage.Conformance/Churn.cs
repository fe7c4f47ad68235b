namespace Cscm.Storage.Conformance;

/// <summary>
/// Volumes' lives at random, to be cut off by SIGKILL or with the power. What was said to be done must be there afterwards, what was said to
/// be gone must not, what was begun may be either, and nothing else may exist.
/// </summary>
internal static class Churn
{
    private const int MostVolumes = 4;

    public static async Task<int> RunAsync(PoolOptions pool, string root, int seed)
    {
        await using Bed bed = await Bed.OpenAsync(pool, root);
        bool canCopy = bed.Pool.SupportsSnapshots;
        var random = new Random(seed);
        var volumes = new List<VolumeInfo>();
        await SayAsync($"pool {bed.Pool.Capacity.AvailableBytes}");
        for (int number = 0; ; number++)
        {
            VolumeInfo? some = volumes.Count > 0 ? volumes[random.Next(volumes.Count)] : null;
            switch (random.Next(canCopy ? 5 : 4))
            {
                case 0 when volumes.Count < MostVolumes:
                case 1 when some is null:
                    volumes.Add(await CreateAsync(bed, $"churn-{seed}-{number}"));
                    break;
                case 1 or 2 when some is not null:
                    await GrowAsync(bed, some);
                    break;
                case 3 when some is not null && volumes.Count >= 2:
                    volumes.Remove(some);
                    await SayAsync($"begin delete {some.Name}");
                    await bed.DeleteAsync(some);
                    await SayAsync($"done delete {some.Name}");
                    break;
                case 4 when some is not null:
                    await CopyAsync(bed, some, $"snap-{seed}-{number}");
                    break;
            }
        }
    }

    public static async Task<int> VerifyAsync(PoolOptions pool, string root, string said)
    {
        // The last line may have been cut off as well.
        string[][] lines = [.. said.Split('\n').SkipLast(1).Select(line => line.Split(' '))];
        await using Bed bed = await Bed.OpenAsync(pool, root);
        HashSet<string> found = [.. bed.Manager.ListVolumes().Select(volume => volume.Name)];
        HashSet<string> created = Names(lines, "done create"), deleting = Names(lines, "begin delete"), deleted = Names(lines, "done delete");
        Require.That(!created.Except(deleting).Except(found).Any(), $"lost: {string.Join(", ", created.Except(deleting).Except(found))}");
        Require.That(!deleted.Overlaps(found), $"came back: {string.Join(", ", deleted.Intersect(found))}");
        Require.That(found.IsSubsetOf(Names(lines, "begin create")), $"nobody made: {string.Join(", ", found.Except(Names(lines, "begin create")))}");
        foreach (VolumeInfo volume in bed.Manager.ListVolumes().Where(volume => created.Contains(volume.Name)))
        {
            Require.Equal("", string.Join("; ", volume.Health.Select(finding => finding.Message)));
            Require.Equal(volume.Name, await File.ReadAllTextAsync(Path.Combine(await bed.PublishAsync(volume), "name")));
            long grown = lines.Where(line => line is ["done", "grow", _, _] && line[2] == volume.Name).Select(line => long.Parse(line[3])).DefaultIfEmpty(0).Max();
            Require.That(volume.CapacityBytes >= grown, $"{volume.Name} has {volume.CapacityBytes} of {grown} bytes");
        }
        int count = found.Count;
        await bed.CleanUpAsync();
        long available = bed.Pool.Capacity.AvailableBytes, before = lines.Where(line => line is ["pool", _]).Select(line => long.Parse(line[1])).DefaultIfEmpty(available).First();
        Require.Equal(before, available);
        Require.Equal("", string.Join("; ", bed.Manager.GetPoolHealth().Select(finding => finding.Message)));
        await SayAsync($"verified {count} volumes after {lines.Length} lines");
        return 0;
    }

    private static async Task<VolumeInfo> CreateAsync(Bed bed, string name)
    {
        await SayAsync($"begin create {name}");
        VolumeInfo volume = await bed.CreateAsync(name);
        string file = Path.Combine(await bed.PublishAsync(volume), "name");
        await using (var stream = new FileStream(file, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 0))
        {
            stream.Write(System.Text.Encoding.UTF8.GetBytes(name));
            stream.Flush(flushToDisk: true);
        }
        // The name of a new file is durable when its directory is.
        await Tool.MustRunAsync("sync", Path.GetDirectoryName(file)!);
        await SayAsync($"done create {name}");
        return volume;
    }

    private static async Task GrowAsync(Bed bed, VolumeInfo volume)
    {
        long sizeBytes = bed.Manager.GetVolume(volume.Id).CapacityBytes + (8 * Bed.MiB);
        // A namespace in use cannot grow.
        if (sizeBytes > 3 * bed.SmallBytes || volume.PoolKind == PoolKind.Namespace)
            return;
        ExpandResult result = await bed.Manager.ExpandVolumeAsync(volume.Id, new SizeRange(sizeBytes, 0), CancellationToken.None);
        if (result.NodeExpansionRequired)
            await bed.Publisher.ExpandOnNodeAsync(volume.Id, bed.PathOf("stages/" + volume.Id), new SizeRange(sizeBytes, 0), CancellationToken.None);
        await SayAsync($"done grow {volume.Name} {sizeBytes}");
    }

    /// <summary>A snapshot's whole life. One that a cut leaves behind is removed by the verification.</summary>
    private static async Task CopyAsync(Bed bed, VolumeInfo volume, string name)
    {
        await SayAsync($"begin snapshot {name}");
        SnapshotInfo snapshot;
        try
        {
            snapshot = await bed.Manager.CreateSnapshotAsync(name, volume.Id, CancellationToken.None);
        }
        catch (StorageException e) when (e.Kind is StorageErrorKind.ResourceExhausted or StorageErrorKind.FailedPrecondition)
        {
            // Other pools copy at rest only, or have no room for it now.
            return;
        }
        await bed.Manager.DeleteSnapshotAsync(snapshot.Id, CancellationToken.None);
        await SayAsync($"done snapshot {name}");
    }

    private static HashSet<string> Names(string[][] lines, string start)
        => [.. lines.Where(line => line.Length >= 3 && $"{line[0]} {line[1]}" == start).Select(line => line[2])];

    private static Task SayAsync(string line) => Console.Out.WriteLineAsync(line);
}
