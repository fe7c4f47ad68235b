namespace Cscm.Storage.Conformance;

/// <summary>The driver ends, orderly or at any step of a call, and another one starts over what is there.</summary>
internal static class RestartScenarios
{
    public static IReadOnlyList<Scenario> All { get; } =
    [
        new("a_restart_finds_volumes_mounts_and_content", Traits.None, RestartAsync),
        new("a_create_converges_wherever_the_driver_died", Traits.None, DieWhileCreatingAsync),
        new("a_growth_converges_wherever_the_driver_died", Traits.None, DieWhileGrowingAsync),
        new("a_publish_converges_wherever_the_driver_died", Traits.None, DieWhilePublishingAsync),
        new("a_snapshot_converges_wherever_the_driver_died", Traits.Snapshots, DieWhileSnapshottingAsync),
        new("a_snapshots_removal_converges_wherever_the_driver_died", Traits.Snapshots, DieWhileRemovingSnapshotAsync),
        new("a_clone_converges_wherever_the_driver_died", Traits.Snapshots, DieWhileCloningAsync),
    ];

    private static async Task RestartAsync(Bed bed)
    {
        VolumeInfo volume = await bed.CreateAsync();
        string target = await bed.PublishAsync(volume);
        await File.WriteAllTextAsync(Path.Combine(target, "record"), "kept");
        long freeBytes = bed.Pool.Capacity.AvailableBytes;
        await bed.RestartAsync();
        VolumeInfo found = bed.Manager.GetVolume(volume.Id);
        Require.Equal((target, volume.CapacityBytes, 0), (found.TargetPaths.Single(), found.CapacityBytes, found.Health.Count));
        Require.Equal("kept", await File.ReadAllTextAsync(Path.Combine(target, "record")));
        if (bed.Options.Kind != PoolKind.File)
            Require.Equal(freeBytes, bed.Pool.Capacity.AvailableBytes);
        await bed.DeleteAsync(volume);
    }

    private static Task DieWhileCreatingAsync(Bed bed) => AtEveryStepAsync(bed, async died =>
    {
        string name = bed.NewName();
        bool isOver = await died(() => bed.CreateAsync(name));
        await bed.DeleteAsync(await bed.CreateAsync(name));
        return isOver;
    });

    private static Task DieWhileGrowingAsync(Bed bed) => AtEveryStepAsync(bed, async died =>
    {
        VolumeInfo volume = await bed.CreateAsync();
        var size = new SizeRange(2 * bed.SmallBytes, 0);
        bool isOver = await died(() => bed.Manager.ExpandVolumeAsync(volume.Id, size, CancellationToken.None));
        await bed.Manager.ExpandVolumeAsync(volume.Id, size, CancellationToken.None);
        Require.That(bed.Manager.GetVolume(volume.Id).CapacityBytes >= size.RequiredBytes, "it did not grow");
        await bed.DeleteAsync(volume);
        return isOver;
    });

    private static Task DieWhilePublishingAsync(Bed bed) => AtEveryStepAsync(bed, async died =>
    {
        VolumeInfo volume = await bed.CreateAsync();
        bool isOver = await died(async () =>
        {
            await bed.PublishAsync(volume);
            await bed.TakeDownAsync(volume.Id);
        });
        string target = await bed.PublishAsync(volume);
        await File.WriteAllTextAsync(Path.Combine(target, "record"), "kept");
        await bed.DeleteAsync(volume);
        return isOver;
    });

    private static async Task DieWhileSnapshottingAsync(Bed bed)
    {
        VolumeInfo volume = await bed.CreateAsync();
        string target = await bed.PublishAsync(volume);
        await File.WriteAllTextAsync(Path.Combine(target, "record"), "kept");
        await AtEveryStepAsync(bed, async died =>
        {
            string name = bed.NewName();
            bool isOver = await died(() => bed.Manager.CreateSnapshotAsync(name, volume.Id, CancellationToken.None));
            // Were it still frozen, this would wait for ever.
            await Task.Run(() => File.WriteAllText(Path.Combine(target, "other"), "written")).WaitAsync(TimeSpan.FromSeconds(20));
            SnapshotInfo snapshot = await bed.Manager.CreateSnapshotAsync(name, volume.Id, CancellationToken.None);
            VolumeInfo restored = await bed.CreateAsync(source: new ContentSource(ContentSourceKind.Snapshot, snapshot.Id));
            Require.Equal("kept", await File.ReadAllTextAsync(Path.Combine(await bed.PublishAsync(restored), "record")));
            await bed.DeleteAsync(restored);
            await bed.Manager.DeleteSnapshotAsync(snapshot.Id, CancellationToken.None);
            return isOver;
        });
        await bed.DeleteAsync(volume);
    }

    private static async Task DieWhileRemovingSnapshotAsync(Bed bed)
    {
        VolumeInfo volume = await bed.CreateAsync();
        await AtEveryStepAsync(bed, async died =>
        {
            SnapshotInfo snapshot = await bed.Manager.CreateSnapshotAsync(bed.NewName(), volume.Id, CancellationToken.None);
            bool isOver = await died(() => bed.Manager.DeleteSnapshotAsync(snapshot.Id, CancellationToken.None));
            await bed.Manager.DeleteSnapshotAsync(snapshot.Id, CancellationToken.None);
            Require.Equal(0, bed.Manager.ListSnapshots().Count);
            return isOver;
        });
        await bed.DeleteAsync(volume);
    }

    private static async Task DieWhileCloningAsync(Bed bed)
    {
        VolumeInfo volume = await bed.CreateAsync();
        await File.WriteAllTextAsync(Path.Combine(await bed.PublishAsync(volume), "record"), "kept");
        var source = new ContentSource(ContentSourceKind.Volume, volume.Id);
        await AtEveryStepAsync(bed, async died =>
        {
            string name = bed.NewName();
            bool isOver = await died(() => bed.CreateAsync(name, source: source));
            VolumeInfo clone = await bed.CreateAsync(name, source: source);
            Require.Equal("kept", await File.ReadAllTextAsync(Path.Combine(await bed.PublishAsync(clone), "record")));
            await bed.DeleteAsync(clone);
            return isOver;
        });
        await bed.DeleteAsync(volume);
    }

    /// <summary>Repeats a story, in which the driver dies at a later step each time, until the call gets through.</summary>
    private static async Task AtEveryStepAsync(Bed bed, Func<Func<Func<Task>, Task<bool>>, Task<bool>> story)
    {
        const int MostSteps = 100;
        for (int step = 0; step < MostSteps; step++)
        {
            string? diedBefore = null;
            try
            {
                bool isOver = await story(async call => (diedBefore = await bed.DieAtAsync(step, call)) is null);
                Require.That(!isOver || step > 0, "the call reported no step, so nothing was tested");
                if (isOver)
                    return;
                await bed.SettleAsync();
            }
            catch (Exception e) when (e is not ConformanceException)
            {
                throw new ConformanceException($"after a death before {diedBefore} (step {step}): {e.Message}");
            }
        }
        throw new ConformanceException($"the call has more than {MostSteps} steps");
    }
}
