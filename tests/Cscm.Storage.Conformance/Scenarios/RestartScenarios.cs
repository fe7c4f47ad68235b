namespace Cscm.Storage.Conformance;

/// <summary>The driver ends, orderly or at any step of a call, and another one starts over what is there.</summary>
internal static class RestartScenarios
{
    /// <summary>A call's steps are shared out among so many scenarios, in turn, so that none takes long on a slow machine.</summary>
    private const int Parts = 5;

    public static IReadOnlyList<Scenario> All { get; } =
    [
        new("a_restart_finds_volumes_mounts_and_content", Traits.None, RestartAsync),
        .. Enumerable.Range(0, Parts).SelectMany(DieAtItsSteps),
    ];

    private static IEnumerable<Scenario> DieAtItsSteps(int part) =>
    [
        Dying("a_create", Traits.None, DieWhileCreatingAsync, part),
        Dying("a_growth", Traits.None, DieWhileGrowingAsync, part),
        Dying("a_publish", Traits.None, DieWhilePublishingAsync, part),
        Dying("a_snapshot", Traits.Snapshots, DieWhileSnapshottingAsync, part),
        Dying("a_snapshots_removal", Traits.Snapshots, DieWhileRemovingSnapshotAsync, part),
        Dying("a_clone", Traits.Snapshots, DieWhileCloningAsync, part),
    ];

    private static Scenario Dying(string call, Traits needs, Func<Bed, int, Task> story, int part)
        => new($"{call}_converges_wherever_the_driver_died_{part + 1}_of_{Parts}", needs, bed => story(bed, part));

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

    private static Task DieWhileCreatingAsync(Bed bed, int part) => AtItsStepsAsync(bed, part, async died =>
    {
        string name = bed.NewName();
        bool isOver = await died(() => bed.CreateAsync(name));
        await bed.DeleteAsync(await bed.CreateAsync(name));
        return isOver;
    });

    private static Task DieWhileGrowingAsync(Bed bed, int part) => AtItsStepsAsync(bed, part, async died =>
    {
        VolumeInfo volume = await bed.CreateAsync();
        var size = new SizeRange(2 * bed.SmallBytes, 0);
        bool isOver = await died(() => bed.Manager.ExpandVolumeAsync(volume.Id, size, CancellationToken.None));
        await bed.Manager.ExpandVolumeAsync(volume.Id, size, CancellationToken.None);
        Require.That(bed.Manager.GetVolume(volume.Id).CapacityBytes >= size.RequiredBytes, "it did not grow");
        await bed.DeleteAsync(volume);
        return isOver;
    });

    private static Task DieWhilePublishingAsync(Bed bed, int part) => AtItsStepsAsync(bed, part, async died =>
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

    private static async Task DieWhileSnapshottingAsync(Bed bed, int part)
    {
        VolumeInfo volume = await bed.CreateAsync();
        string target = await bed.PublishAsync(volume);
        await File.WriteAllTextAsync(Path.Combine(target, "record"), "kept");
        await AtItsStepsAsync(bed, part, async died =>
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

    private static async Task DieWhileRemovingSnapshotAsync(Bed bed, int part)
    {
        VolumeInfo volume = await bed.CreateAsync();
        await AtItsStepsAsync(bed, part, async died =>
        {
            SnapshotInfo snapshot = await bed.Manager.CreateSnapshotAsync(bed.NewName(), volume.Id, CancellationToken.None);
            bool isOver = await died(() => bed.Manager.DeleteSnapshotAsync(snapshot.Id, CancellationToken.None));
            await bed.Manager.DeleteSnapshotAsync(snapshot.Id, CancellationToken.None);
            Require.Equal(0, bed.Manager.ListSnapshots().Count);
            return isOver;
        });
        await bed.DeleteAsync(volume);
    }

    private static async Task DieWhileCloningAsync(Bed bed, int part)
    {
        VolumeInfo volume = await bed.CreateAsync();
        await File.WriteAllTextAsync(Path.Combine(await bed.PublishAsync(volume), "record"), "kept");
        var source = new ContentSource(ContentSourceKind.Volume, volume.Id);
        await AtItsStepsAsync(bed, part, async died =>
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

    /// <summary>Repeats a story, in which the driver dies at a later step of this part each time, until the call gets through.</summary>
    private static async Task AtItsStepsAsync(Bed bed, int part, Func<Func<Func<Task>, Task<bool>>, Task<bool>> story)
    {
        const int MostSteps = 100;
        for (int step = part; step < MostSteps; step += Parts)
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
