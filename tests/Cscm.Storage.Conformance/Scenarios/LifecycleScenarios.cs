namespace Cscm.Storage.Conformance;

/// <summary>Creating, finding and deleting, and what a repetition or a rival of these calls gets.</summary>
internal static class LifecycleScenarios
{
    public static IReadOnlyList<Scenario> All { get; } =
    [
        new("a_volume_is_created_staged_published_measured_and_taken_away", Traits.None, WholeLifeAsync),
        new("a_repeated_create_finds_the_volume_and_a_different_one_is_refused", Traits.None, RepeatedCreateAsync),
        new("a_repeated_delete_succeeds", Traits.None, RepeatedDeleteAsync),
        new("a_volume_in_use_is_not_deleted", Traits.None, InUseAsync),
        new("parallel_calls_on_different_volumes_all_succeed", Traits.None, ParallelAsync),
        new("a_raw_block_volume_is_staged_published_and_taken_away", Traits.Block, BlockAsync),
    ];

    private static async Task WholeLifeAsync(Bed bed)
    {
        VolumeInfo volume = await bed.CreateAsync();
        string target = await bed.PublishAsync(volume);
        await File.WriteAllTextAsync(Path.Combine(target, "record"), "kept");
        Require.Equal("kept", await File.ReadAllTextAsync(bed.PathOf($"stages/{volume.Id}/record")));
        VolumeInfo found = bed.Manager.GetVolume(volume.Id);
        Require.Equal(target, found.TargetPaths.Single());
        Require.Equal(0, found.Health.Count);
        VolumeStats stats = await bed.Publisher.GetStatsAsync(volume.Id, target, CancellationToken.None);
        Require.That(stats.AvailableBytes + stats.UsedBytes >= volume.CapacityBytes * 99 / 100 && stats.UsedInodes > 0 && stats.TotalInodes > stats.UsedInodes, $"implausible statistics {stats} of {volume.CapacityBytes} bytes");
        await bed.TakeDownAsync(volume.Id);
        Require.That(!Path.Exists(target), "the target path is still there");
        target = await bed.PublishAsync(volume);
        Require.Equal("kept", await File.ReadAllTextAsync(Path.Combine(target, "record")));
        await bed.DeleteAsync(volume);
        Require.Equal(0, bed.Manager.ListVolumes().Count);
    }

    private static async Task RepeatedCreateAsync(Bed bed)
    {
        string name = bed.NewName();
        VolumeInfo volume = await bed.CreateAsync(name);
        Require.Equal(volume.Id, (await bed.CreateAsync(name)).Id);
        await Require.RefusedAsync(StorageErrorKind.AlreadyExists, () => bed.CreateAsync(name, volume.CapacityBytes * 2));
        await bed.DeleteAsync(volume);
    }

    private static async Task RepeatedDeleteAsync(Bed bed)
    {
        VolumeInfo volume = await bed.CreateAsync();
        await bed.DeleteAsync(volume);
        await bed.Manager.DeleteVolumeAsync(volume.Id, CancellationToken.None);
        await bed.Manager.DeleteVolumeAsync("never-existed", CancellationToken.None);
    }

    private static async Task InUseAsync(Bed bed)
    {
        VolumeInfo volume = await bed.CreateAsync();
        string target = await bed.PublishAsync(volume);
        await Require.RefusedAsync(StorageErrorKind.FailedPrecondition, () => bed.Manager.DeleteVolumeAsync(volume.Id, CancellationToken.None));
        await bed.Publisher.UnpublishAsync(volume.Id, target, CancellationToken.None);
        await Require.RefusedAsync(StorageErrorKind.FailedPrecondition, () => bed.Manager.DeleteVolumeAsync(volume.Id, CancellationToken.None));
        await bed.DeleteAsync(volume);
    }

    private static async Task ParallelAsync(Bed bed)
    {
        int count = (int)Math.Clamp(bed.Pool.Capacity.AvailableBytes / (2 * bed.SmallBytes), 2, 4);
        await Task.WhenAll(Enumerable.Range(0, count).Select(_ => bed.NewName()).ToArray().Select(name => Task.Run(async () =>
        {
            VolumeInfo volume = await bed.CreateAsync(name);
            string target = await bed.PublishAsync(volume);
            await File.WriteAllTextAsync(Path.Combine(target, "name"), name);
            Require.Equal(name, await File.ReadAllTextAsync(Path.Combine(target, "name")));
            await bed.DeleteAsync(volume);
        })));
    }

    private static async Task BlockAsync(Bed bed)
    {
        VolumeInfo volume = await bed.CreateAsync(access: AccessType.Block);
        string target = await bed.PublishAsync(volume);
        byte[] written = [.. "raw bytes"u8];
        using (FileStream device = new(target, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite))
        {
            device.Write(written);
            device.Flush(flushToDisk: true);
        }
        await bed.TakeDownAsync(volume.Id);
        target = await bed.PublishAsync(volume);
        byte[] read = new byte[written.Length];
        using (FileStream device = new(target, FileMode.Open, FileAccess.Read, FileShare.ReadWrite))
            device.ReadExactly(read);
        Require.That(read.AsSpan().SequenceEqual(written), "what was written to the device is gone");
        await bed.DeleteAsync(volume);
    }
}
