namespace Cscm.Storage.Conformance;

/// <summary>What happens to a volume while its consumer is at work on it.</summary>
internal static class LoadScenarios
{
    public static IReadOnlyList<Scenario> All { get; } =
    [
        new("a_volume_grows_under_a_writer_that_loses_nothing", Traits.OnlineGrowth, GrowUnderWriterAsync),
    ];

    private static async Task GrowUnderWriterAsync(Bed bed)
    {
        VolumeInfo volume = await bed.CreateAsync();
        string target = await bed.PublishAsync(volume);
        using var stop = new CancellationTokenSource();
        Task<long> writer = Task.Run(() => Append(Path.Combine(target, "log"), bed.SmallBytes / 4, stop.Token));
        while (!writer.IsCompleted && !(File.Exists(Path.Combine(target, "log")) && new FileInfo(Path.Combine(target, "log")).Length > 0))
            await Task.Delay(1);
        long sizeBytes = volume.CapacityBytes;
        for (int step = 0; step < 3; step++)
        {
            sizeBytes += bed.SmallBytes / 2;
            ExpandResult result = await bed.Manager.ExpandVolumeAsync(volume.Id, new SizeRange(sizeBytes, 0), CancellationToken.None);
            if (result.NodeExpansionRequired)
                await bed.Publisher.ExpandOnNodeAsync(volume.Id, target, new SizeRange(sizeBytes, 0), CancellationToken.None);
        }
        VolumeStats stats = await bed.Publisher.GetStatsAsync(volume.Id, target, CancellationToken.None);
        Require.That(stats.AvailableBytes + stats.UsedBytes >= sizeBytes * 98 / 100, $"after growth to {sizeBytes} the mounted volume shows {stats}");
        await stop.CancelAsync();
        long written = await writer;
        Require.That(written > 0, "nothing was written meanwhile: nothing was tested");
        await bed.TakeDownAsync(volume.Id);
        target = await bed.PublishAsync(volume);
        Require.Equal(written, Count(Path.Combine(target, "log"), written));
        await bed.DeleteAsync(volume);
    }

    /// <summary>Writes numbers in order until told to stop, or so many bytes are written.</summary>
    /// <returns>How many stand in the file, from zero on.</returns>
    private static long Append(string path, long mostBytes, CancellationToken stop)
    {
        using var file = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.Read, bufferSize: 0);
        long count = 0;
        byte[] block = new byte[4096];
        while (!stop.IsCancellationRequested && file.Position + block.Length <= mostBytes)
        {
            for (int offset = 0; offset < block.Length; offset += sizeof(long))
                BitConverter.TryWriteBytes(block.AsSpan(offset), count++);
            file.Write(block);
            if (count % (block.Length * 16) == 0)
                file.Flush(flushToDisk: true);
            Thread.Sleep(1);
        }
        file.Flush(flushToDisk: true);
        return count;
    }

    /// <summary>How many numbers stand in a file in their order, from zero on.</summary>
    private static long Count(string path, long most)
    {
        byte[] bytes = File.ReadAllBytes(path);
        long count = 0;
        while (count < most && (count + 1) * sizeof(long) <= bytes.Length && BitConverter.ToInt64(bytes, (int)count * sizeof(long)) == count)
            count++;
        return count;
    }
}
