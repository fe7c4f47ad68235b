using System.Diagnostics;

namespace Cscm.Storage.Conformance;

/// <summary>A volume never holds its predecessor's bytes, and deleting it does not wait for that.</summary>
internal static class EraseScenarios
{
    public static IReadOnlyList<Scenario> All { get; } =
    [
        new("a_new_volume_holds_none_of_a_deleted_ones_bytes", Traits.None, FillDeleteCreateScanAsync),
        new("a_new_raw_volume_holds_none_of_a_deleted_ones_bytes", Traits.Block, FillDeleteCreateScanRawAsync),
        new("delete_returns_before_its_space_is_erased_and_given_back", Traits.Erases, BehindAsync),
        new("without_erasing_space_is_free_at_once", Traits.Erases, NoErasureAsync),
        new("an_erasure_goes_on_wherever_the_driver_died", Traits.Erases, DieWhileErasingAsync),
    ];

    private static async Task FillDeleteCreateScanAsync(Bed bed)
    {
        // The whole pool, so that the second volume has no other space than the first one's.
        long sizeBytes = Math.Min(bed.Pool.Capacity.MaximumVolumeBytes, 512 * Bed.MiB);
        VolumeInfo old = await bed.CreateAsync(sizeBytes: sizeBytes);
        string target = await bed.PublishAsync(old);
        Pattern.Write(Path.Combine(target, "secret"), sizeBytes / 4);
        await bed.DeleteAsync(old);
        await bed.RestartAsync();
        await bed.SettleAsync();

        VolumeInfo fresh = await bed.CreateAsync(sizeBytes: sizeBytes);
        target = await bed.PublishAsync(fresh);
        string file = Path.Combine(target, "mine");
        // Allocated, not written: where old bytes would show.
        using (FileStream allocated = new(file, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.ReadWrite, PreallocationSize = sizeBytes * 3 / 4 }))
            allocated.SetLength(sizeBytes * 3 / 4);
        Require.That(!Pattern.IsIn(file), "the new volume shows the old one's bytes");
        await bed.DeleteAsync(fresh);
    }

    private static async Task FillDeleteCreateScanRawAsync(Bed bed)
    {
        VolumeInfo old = await bed.CreateAsync(access: AccessType.Block);
        Pattern.Write(await bed.PublishAsync(old), old.CapacityBytes);
        await bed.DeleteAsync(old);
        await bed.RestartAsync();
        await bed.SettleAsync();
        VolumeInfo fresh = await bed.CreateAsync(access: AccessType.Block);
        Require.That(!Pattern.IsIn(await bed.PublishAsync(fresh)), "the new device shows the old one's bytes");
        await bed.DeleteAsync(fresh);
    }

    private static async Task BehindAsync(Bed bed)
    {
        long sizeBytes = Math.Min(bed.Pool.Capacity.MaximumVolumeBytes, 512 * Bed.MiB);
        VolumeInfo volume = await bed.CreateAsync(sizeBytes: sizeBytes);
        Pattern.Write(Path.Combine(await bed.PublishAsync(volume), "secret"), sizeBytes / 2);
        await bed.TakeDownAsync(volume.Id);
        long before = bed.Pool.Capacity.AvailableBytes, start = Stopwatch.GetTimestamp();
        await bed.Manager.DeleteVolumeAsync(volume.Id, CancellationToken.None);
        TimeSpan took = Stopwatch.GetElapsedTime(start);
        Require.That(took < TimeSpan.FromSeconds(1), $"delete took {took}");
        await bed.SettleAsync();
        Require.That(bed.Pool.Capacity.AvailableBytes >= before + volume.CapacityBytes, $"the space was not given back: {before} bytes before, {bed.Pool.Capacity.AvailableBytes} after");
        Require.Equal(0L, bed.Pool.ErasingBytes);
    }

    private static async Task NoErasureAsync(Bed bed)
    {
        VolumeInfo volume = await bed.CreateAsync(settings: new VolumeSettings { Erase = ErasePolicy.None });
        await bed.DeleteAsync(volume);
        await bed.SettleAsync();
    }

    private static async Task DieWhileErasingAsync(Bed bed)
    {
        for (int step = 0; ; step++)
        {
            VolumeInfo volume = await bed.CreateAsync();
            Pattern.Write(Path.Combine(await bed.PublishAsync(volume), "secret"), bed.SmallBytes / 4);
            await bed.TakeDownAsync(volume.Id);
            string? diedBefore = await bed.DieAtAsync(step, async () =>
            {
                await bed.Manager.DeleteVolumeAsync(volume.Id, CancellationToken.None);
                await bed.SettleAsync();
            });
            // The orchestrator repeats what it got no answer to.
            if (bed.Manager.ListVolumes().Count > 0)
                await bed.Manager.DeleteVolumeAsync(volume.Id, CancellationToken.None);
            await bed.SettleAsync();
            Require.That(bed.Pool.ErasingBytes == 0 && bed.Manager.ListVolumes().Count == 0, $"after a death before {diedBefore}: {bed.Pool.ErasingBytes} bytes are still to be erased");
            if (diedBefore is null)
                return;
        }
    }
}
