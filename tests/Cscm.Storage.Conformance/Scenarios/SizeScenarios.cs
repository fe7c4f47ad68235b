namespace Cscm.Storage.Conformance;

/// <summary>Sizes: at least what was asked for, never above the limit, growth, and a pool that is full.</summary>
internal static class SizeScenarios
{
    public static IReadOnlyList<Scenario> All { get; } =
    [
        new("what_was_asked_for_is_usable", Traits.None, UsableAsync),
        new("a_limit_is_kept_or_the_request_refused", Traits.None, LimitAsync),
        new("the_largest_volume_that_is_offered_can_be_made_and_nothing_after_it", Traits.None, FullPoolAsync),
        new("a_volume_cannot_hold_more_than_its_own_size", Traits.None, OverfillAsync),
        new("a_volume_grows_while_it_is_published", Traits.OnlineGrowth, GrowAsync),
        new("a_volume_grows_while_nobody_uses_it", Traits.None, GrowOfflineAsync),
        new("growth_without_room_is_refused_and_changes_nothing", Traits.None, GrowTooFarAsync),
    ];

    private static async Task UsableAsync(Bed bed)
    {
        VolumeInfo volume = await bed.CreateAsync(sizeBytes: bed.SmallBytes + 1);
        Require.That(volume.CapacityBytes > bed.SmallBytes, $"{volume.CapacityBytes} bytes are fewer than asked for");
        string target = await bed.PublishAsync(volume);
        await using (FileStream file = File.Create(Path.Combine(target, "all")))
        {
            byte[] block = new byte[1 << 20];
            // All but what one file's own bookkeeping takes.
            for (long left = volume.CapacityBytes - (volume.CapacityBytes / 100); left > 0; left -= block.Length)
                file.Write(block, 0, (int)Math.Min(left, block.Length));
            file.Flush(flushToDisk: true);
        }
        await bed.DeleteAsync(volume);
    }

    private static async Task LimitAsync(Bed bed)
    {
        long sizeBytes = bed.SmallBytes;
        var spec = new VolumeSpec { Name = bed.NewName(), Pool = bed.Options.Name, Size = new SizeRange(sizeBytes, sizeBytes) };
        VolumeInfo volume = await bed.Manager.CreateVolumeAsync(spec, CancellationToken.None);
        Require.Equal(sizeBytes, volume.CapacityBytes);
        await bed.DeleteAsync(volume);
        await Require.RefusedAsync(StorageErrorKind.OutOfRange, () => bed.Manager.CreateVolumeAsync(spec with { Size = new SizeRange(1, 4096) }, CancellationToken.None));
    }

    private static async Task FullPoolAsync(Bed bed)
    {
        VolumeInfo first = await bed.CreateAsync();
        long largestBytes = bed.Pool.Capacity.MaximumVolumeBytes;
        VolumeInfo rest = await bed.CreateAsync(sizeBytes: largestBytes);
        Require.That(bed.Pool.Capacity.MaximumVolumeBytes < bed.SmallBytes, $"{bed.Pool.Capacity} is still offered");
        await Require.RefusedAsync(StorageErrorKind.ResourceExhausted, () => bed.CreateAsync(sizeBytes: largestBytes));
        await bed.DeleteAsync(rest);
        await bed.DeleteAsync(first);
    }

    private static async Task OverfillAsync(Bed bed)
    {
        VolumeInfo volume = await bed.CreateAsync();
        VolumeInfo other = await bed.CreateAsync();
        string target = await bed.PublishAsync(volume), otherTarget = await bed.PublishAsync(other);
        long written = Fill(Path.Combine(target, "all"), 2 * volume.BackingBytes);
        Require.That(written <= volume.BackingBytes, $"{written} bytes fit into a volume of {volume.BackingBytes}");
        Require.That(written >= volume.CapacityBytes * 98 / 100, $"only {written} bytes fit into a volume of {volume.CapacityBytes}");
        // A neighbour neither sees nor pays for it.
        Require.Equal(0, Directory.GetFiles(otherTarget).Length);
        VolumeStats stats = await bed.Publisher.GetStatsAsync(other.Id, otherTarget, CancellationToken.None);
        Require.That(stats.AvailableBytes >= other.CapacityBytes * 98 / 100, $"the neighbour has {stats} left");
        await bed.DeleteAsync(volume);
        await bed.DeleteAsync(other);
    }

    private static async Task GrowAsync(Bed bed)
    {
        VolumeInfo volume = await bed.CreateAsync();
        string target = await bed.PublishAsync(volume);
        await File.WriteAllTextAsync(Path.Combine(target, "record"), "kept");
        long sizeBytes = 2 * bed.SmallBytes;
        ExpandResult result = await bed.Manager.ExpandVolumeAsync(volume.Id, new SizeRange(sizeBytes, 0), CancellationToken.None);
        Require.That(result.CapacityBytes >= sizeBytes, $"grew to {result}");
        if (result.NodeExpansionRequired)
            await bed.Publisher.ExpandOnNodeAsync(volume.Id, target, new SizeRange(sizeBytes, 0), CancellationToken.None);
        VolumeStats stats = await bed.Publisher.GetStatsAsync(volume.Id, target, CancellationToken.None);
        Require.That(stats.AvailableBytes + stats.UsedBytes >= sizeBytes * 99 / 100, $"the mounted volume shows {stats}");
        long written = Fill(Path.Combine(target, "all"), sizeBytes * 95 / 100);
        Require.Equal(sizeBytes * 95 / 100, written);
        Require.Equal("kept", await File.ReadAllTextAsync(Path.Combine(target, "record")));
        await bed.DeleteAsync(volume);
    }

    private static async Task GrowOfflineAsync(Bed bed)
    {
        VolumeInfo volume = await bed.CreateAsync();
        long sizeBytes = 2 * bed.SmallBytes;
        await bed.Manager.ExpandVolumeAsync(volume.Id, new SizeRange(sizeBytes, 0), CancellationToken.None);
        string target = await bed.PublishAsync(volume);
        VolumeStats stats = await bed.Publisher.GetStatsAsync(volume.Id, target, CancellationToken.None);
        Require.That(stats.AvailableBytes + stats.UsedBytes >= sizeBytes * 98 / 100, $"the volume shows {stats} after it grew");
        Require.Equal(0, bed.Manager.GetVolume(volume.Id).Health.Count);
        await bed.DeleteAsync(volume);
    }

    private static async Task GrowTooFarAsync(Bed bed)
    {
        VolumeInfo volume = await bed.CreateAsync();
        await Require.RefusedAsync(
            StorageErrorKind.ResourceExhausted, () => bed.Manager.ExpandVolumeAsync(volume.Id, new SizeRange(bed.Pool.Capacity.TotalBytes * 2, 0), CancellationToken.None));
        Require.Equal(volume.CapacityBytes, bed.Manager.GetVolume(volume.Id).CapacityBytes);
        await bed.DeleteAsync(volume);
    }

    /// <summary>Writes until a number of bytes is reached, or there is no room.</summary>
    private static long Fill(string path, long mostBytes)
    {
        byte[] block = new byte[1 << 20];
        long written = 0;
        try
        {
            using var file = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 0);
            while (written < mostBytes)
            {
                int next = (int)Math.Min(block.Length, mostBytes - written);
                file.Write(block, 0, next);
                written += next;
            }
            file.Flush(flushToDisk: true);
        }
        catch (IOException)
        {
            // Full, as it should be at some point.
        }
        return Math.Min(written, new FileInfo(path).Length);
    }
}
