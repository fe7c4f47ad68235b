namespace Cscm.Storage.Tests;

/// <summary>Calls on different volumes overlap; a second call on one that is in flight is refused at once.</summary>
public sealed class ParallelTests
{
    private const long MiB = StorageFixture.MiB;

    [Fact]
    public async Task Creates_of_different_volumes_are_in_flight_together()
    {
        const int Calls = 4;
        using var together = new Barrier(Calls);
        bool haveMet = true;
        await using StorageFixture storage = await OpenAsync(step =>
        {
            if (step == "file.make-file-system" && !together.SignalAndWait(TimeSpan.FromSeconds(20)))
                haveMet = false;
        });
        await Task.WhenAll(Enumerable.Range(0, Calls).Select(i => Task.Run(() => storage.CreateAsync($"v{i}"))));
        Assert.True(haveMet, "one create waited for another");
        Assert.Equal(Calls, storage.Manager.ListVolumes().Count);
    }

    [Fact]
    public async Task A_second_call_on_a_volume_in_flight_is_refused_at_once()
    {
        using var reached = new SemaphoreSlim(0);
        using var goOn = new SemaphoreSlim(0);
        string stopAt = "file.copy-image";
        await using StorageFixture storage = await OpenAsync(step =>
        {
            if (step != stopAt)
                return;
            reached.Release();
            goOn.Wait(TimeSpan.FromSeconds(20));
        });
        VolumeInfo source = await storage.CreateAsync("source"), bystander = await storage.CreateAsync("bystander");
        Task<VolumeInfo> clone = Task.Run(() => storage.CreateAsync("clone", source: new ContentSource(ContentSourceKind.Volume, source.Id)));
        await reached.WaitAsync(TimeSpan.FromSeconds(20));

        Func<Task>[] calls =
        [
            () => storage.CreateAsync("clone"),
            () => storage.CreateAsync("source"),
            () => storage.Manager.DeleteVolumeAsync(source.Id, default),
            () => storage.Manager.ExpandVolumeAsync(source.Id, new SizeRange(64 * MiB, 0), default),
            () => storage.Manager.ModifyVolumeAsync(source.Id, new VolumeSettingsChange(ErasePolicy.None, null), default),
            () => storage.Manager.CreateSnapshotAsync("s", source.Id, default),
            () => storage.Manager.CreateGroupSnapshotAsync("g", [bystander.Id, source.Id], default),
            () => storage.CreateAsync("clone2", source: new ContentSource(ContentSourceKind.Volume, source.Id)),
            () => storage.StageAsync(source),
            () => storage.Publisher.UnstageAsync(source.Id, "/stage", default),
            () => storage.PublishAsync(source),
            () => storage.Publisher.UnpublishAsync(source.Id, "/target", default),
        ];
        foreach (Func<Task> call in calls)
            await Refusal.OfAsync(StorageErrorKind.Aborted, call);
        // Others go on meanwhile, the one that a refused group named included; and looking is always allowed.
        await storage.StageAsync(bystander);
        Assert.Equal(2, storage.Manager.ListVolumes().Count);
        Assert.Equal(source.Id, storage.Manager.GetVolume(source.Id).Id);

        stopAt = "";
        goOn.Release();
        await clone;
        await storage.StageAsync(source);
        Assert.Empty(storage.Manager.ListSnapshots());
    }

    [Fact]
    public async Task Many_lives_at_once_leave_nothing()
    {
        await using StorageFixture storage = await StorageFixture.OpenAsync();
        await Task.WhenAll(Enumerable.Range(0, 8).Select(worker => Task.Run(() => LiveAsync(storage, worker))));
        VolumeTests.AssertEmpty(storage);
    }

    private static async Task LiveAsync(StorageFixture storage, int worker)
    {
        for (int round = 0; round < 5; round++)
        {
            string pool = worker % 2 == 0 ? "file" : "dram";
            VolumeInfo volume = await storage.CreateAsync($"w{worker}", 8 * MiB, pool);
            string stage = await storage.StageAsync(volume);
            string target = await storage.PublishAsync(volume, $"target{worker}");
            await File.WriteAllTextAsync(target + "/record", volume.Id);
            Assert.Single(Directory.EnumerateFiles(stage));
            await storage.Manager.ExpandVolumeAsync(volume.Id, new SizeRange(16 * MiB, 0), default);
            await storage.Publisher.UnpublishAsync(volume.Id, target, default);
            await storage.Publisher.UnstageAsync(volume.Id, stage, default);
            await storage.Manager.DeleteVolumeAsync(volume.Id, default);
        }
    }

    private static async Task<StorageFixture> OpenAsync(Action<string> reached)
    {
        StorageFixture storage = await StorageFixture.OpenAsync();
        storage.Stop();
        storage.Steps = new DelegateObserver(reached);
        await storage.StartAsync();
        return storage;
    }
}
