using Cscm.Storage.Linux;

namespace Cscm.Storage.Tests;

/// <summary>What a start finds and makes of it: a reboot, damage, strangers, orphans.</summary>
public sealed class RestartTests
{
    private const long MiB = StorageFixture.MiB;

    /// <summary>A driver in a container attaches images by its own mounts; when it dies, the kernel no longer knows where they were.</summary>
    [Fact]
    public async Task What_a_dead_container_had_mounted_is_known_again()
    {
        await using StorageFixture storage = await StorageFixture.OpenAsync();
        VolumeInfo volume = await storage.CreateAsync("data"), device = await storage.CreateAsync("device", access: AccessType.Block);
        string pool = storage.StateDirectory + "/pools/file";
        string target, deviceTarget;
        // As the container saw it: the pool's directory by a mount of its own, gone with it.
        using (SafePath real = SafePath.Open(pool), seen = SafePath.Open(pool))
            Mounts.Bind(real, seen, MountAttribute.None);
        try
        {
            foreach (VolumeInfo each in new[] { volume, device })
                await storage.StageAsync(each);
            (target, deviceTarget) = (await storage.PublishAsync(volume), await storage.PublishAsync(device, "device"));
        }
        finally
        {
            Mounts.Unmount(pool, detach: true);
        }
        string image = $"/{volume.Id}.img";
        Assert.Contains(LoopDevice.ListAttached(), attached => attached.BackingFile == image);
        await storage.RestartAsync();

        Assert.Equal(target, Assert.Single(storage.Manager.GetVolume(volume.Id).TargetPaths));
        Assert.Equal(deviceTarget, Assert.Single(storage.Manager.GetVolume(device.Id).TargetPaths));
        foreach ((VolumeInfo each, string path) in new[] { (volume, target), (device, deviceTarget) })
        {
            string stage = storage.Manager.GetVolume(each.Id).StagingPath!;
            await storage.Publisher.UnpublishAsync(each.Id, path, default);
            await storage.Publisher.UnstageAsync(each.Id, stage, default);
            await storage.Manager.DeleteVolumeAsync(each.Id, default);
        }
        Assert.DoesNotContain(LoopDevice.ListAttached(), attached => attached.BackingFile == image);
        VolumeTests.AssertEmpty(storage);
    }

    [Fact]
    public async Task After_a_reboot_mounts_are_forgotten_and_memory_is_lost_and_says_so()
    {
        await using StorageFixture storage = await StorageFixture.OpenAsync();
        VolumeInfo file = await storage.CreateAsync("file"), dram = await storage.CreateAsync("dram", pool: "dram"), device = await storage.CreateAsync("device", access: AccessType.Block);
        foreach (VolumeInfo volume in new[] { file, dram, device })
        {
            await storage.StageAsync(volume);
            await storage.PublishAsync(volume, "target-" + volume.Name);
        }
        await File.WriteAllTextAsync(storage.PathOf("target-file/record"), "kept");
        await File.WriteAllTextAsync(storage.PathOf("target-dram/record"), "lost");
        Reboot(storage);
        await storage.StartAsync();

        foreach (VolumeInfo volume in new[] { file, dram, device })
        {
            VolumeInfo now = storage.Manager.GetVolume(volume.Id);
            Assert.Null(now.StagingPath);
            Assert.Empty(now.TargetPaths);
            Assert.False(Path.Exists(storage.PathOf("target-" + volume.Name)), volume.Name);
        }
        Assert.Empty(storage.Manager.GetVolume(file.Id).Health);
        Assert.Equal(HealthKind.DataLoss, Assert.Single(storage.Manager.GetVolume(dram.Id).Health).Kind);
        await storage.StageAsync(file);
        Assert.Equal("kept", await File.ReadAllTextAsync(storage.PathOf("stage-file/record")));
        string stage = await storage.StageAsync(dram);
        Assert.Empty(Directory.EnumerateFileSystemEntries(stage));
        await storage.RestartAsync();
        Assert.Equal("MemoryLost", Assert.Single(storage.Manager.GetVolume(dram.Id).Health).Reason);
        await storage.Publisher.UnstageAsync(dram.Id, stage, default);
        await storage.Manager.DeleteVolumeAsync(dram.Id, default);
        Assert.Empty((await storage.CreateAsync("dram", pool: "dram")).Health);
    }

    [Fact]
    public async Task A_damaged_state_file_costs_one_volume_its_service_and_nothing_its_data()
    {
        await using StorageFixture storage = await StorageFixture.OpenAsync();
        VolumeInfo damaged = await storage.CreateAsync("damaged"), well = await storage.CreateAsync("well");
        long freeBytes = storage.Manager.GetCapacity("file", AccessType.Block, null).AvailableBytes;
        string path = $"{storage.StateDirectory}/volumes/{damaged.Id}.log";
        byte[] content = await File.ReadAllBytesAsync(path);
        content[40] ^= 1;
        storage.Stop();
        await File.WriteAllBytesAsync(path, content);
        await storage.StartAsync();

        Assert.Equal([well.Id], storage.Manager.ListVolumes().Select(volume => volume.Id));
        Func<Task>[] calls =
        [
            () => storage.CreateAsync("damaged"),
            () => storage.Manager.DeleteVolumeAsync(damaged.Id, default),
            () => storage.Manager.ExpandVolumeAsync(damaged.Id, new SizeRange(32 * MiB, 0), default),
            () => storage.Manager.CreateSnapshotAsync("s", damaged.Id, default),
            () => storage.StageAsync(damaged),
            () => Task.Run(() => storage.Manager.GetVolume(damaged.Id)),
        ];
        foreach (Func<Task> call in calls)
            Assert.Contains(path, await Refusal.OfAsync(StorageErrorKind.DataLoss, call), StringComparison.Ordinal);
        PoolHealth finding = Assert.Single(storage.Manager.GetPoolHealth());
        Assert.Equal(HealthKind.DataLoss, finding.Kind);
        Assert.Contains(path, finding.Message, StringComparison.Ordinal);
        Assert.Equal(freeBytes, storage.Manager.GetCapacity("file", AccessType.Block, null).AvailableBytes);
        Assert.True(File.Exists($"{storage.StateDirectory}/pools/file/{damaged.Id}.img"));

        // The remedies of the message: restored, it is well again; removed, it is gone for good.
        storage.Stop();
        content[40] ^= 1;
        await File.WriteAllBytesAsync(path, content);
        await storage.StartAsync();
        Assert.Equal(2, storage.Manager.ListVolumes().Count);
        storage.Stop();
        File.Delete(path);
        await storage.StartAsync();
        Assert.False(File.Exists($"{storage.StateDirectory}/pools/file/{damaged.Id}.img"));
        await storage.CreateAsync("damaged");
    }

    [Fact]
    public async Task Orphans_of_ours_are_removed_and_strangers_left()
    {
        await using StorageFixture storage = await StorageFixture.OpenAsync();
        VolumeInfo keeper = await storage.CreateAsync("keeper"), file = await storage.CreateAsync("file"), device = await storage.CreateAsync("device", access: AccessType.Block), dram = await storage.CreateAsync("dram", pool: "dram");
        foreach (VolumeInfo volume in new[] { keeper, file, device, dram })
            await storage.StageAsync(volume);
        string pool = storage.StateDirectory + "/pools/file";
        // An administrator's own: a bind mount of a living volume, files with other names.
        string admin = storage.NewDirectory("admin");
        using (SafePath source = SafePath.Open(storage.PathOf("stage-keeper")), target = SafePath.Open(admin))
            Mounts.Bind(source, target, MountAttribute.None);
        await File.WriteAllTextAsync(pool + "/notes.txt", "theirs");
        await File.WriteAllTextAsync(pool + "/backup.img", "theirs");
        storage.Stop();
        foreach (VolumeInfo volume in new[] { file, device, dram })
            File.Delete($"{storage.StateDirectory}/volumes/{volume.Id}.log");
        await File.WriteAllTextAsync(pool + "/cscm-0123456789abcdef0123456789abcdef.img", "half");
        await File.WriteAllTextAsync(storage.StateDirectory + "/volumes/x.log.tmp", "half");
        await storage.StartAsync();

        Assert.Empty(storage.Log);
        Assert.Equal([$"{keeper.Id}.img", "backup.img"], Directory.EnumerateFiles(pool, "*.img").Select(Path.GetFileName).OrderDescending(StringComparer.Ordinal));
        Assert.True(File.Exists(pool + "/notes.txt"));
        Assert.Empty(Directory.EnumerateDirectories(storage.StateDirectory + "/pools/dram"));
        Assert.Equal(3, StoragePaths.FindLeaks(storage.Root).Count); // The keeper's mount and loop device, the administrator's mount.
        Assert.Equal(storage.PathOf("stage-keeper"), storage.Manager.GetVolume(keeper.Id).StagingPath);
        Mounts.Unmount(admin);
    }

    [Fact]
    public async Task A_volume_that_is_mounted_elsewhere_is_not_deleted()
    {
        await using StorageFixture storage = await StorageFixture.OpenAsync();
        VolumeInfo volume = await storage.CreateAsync("data");
        string stage = await storage.StageAsync(volume), admin = storage.NewDirectory("admin");
        using (SafePath source = SafePath.Open(stage), target = SafePath.Open(admin))
            Mounts.Bind(source, target, MountAttribute.None);
        await storage.Publisher.UnstageAsync(volume.Id, stage, default);
        Assert.Contains("/dev/loop", await Refusal.OfAsync(StorageErrorKind.FailedPrecondition, () => storage.Manager.DeleteVolumeAsync(volume.Id, default)), StringComparison.Ordinal);
        Assert.Equal(volume.Id, Assert.Single(storage.Manager.ListVolumes()).Id);
        Mounts.Unmount(admin);
        await storage.Manager.DeleteVolumeAsync(volume.Id, default);
        VolumeTests.AssertEmpty(storage);
    }

    [Fact]
    public async Task State_and_pools_belong_to_one_driver()
    {
        await using StorageFixture storage = await StorageFixture.OpenAsync();
        string message = await Refusal.OfAsync(StorageErrorKind.FailedPrecondition, () => StorageHost.OpenAsync(
            new StorageOptions { StateDirectory = storage.StateDirectory, Pools = storage.Pools }, IStepObserver.None, TimeProvider.System, _ => { }));
        Assert.Contains("in use by another driver", message, StringComparison.Ordinal);
        await storage.CreateAsync("data");
        string path = storage.StateDirectory + "/pools/file";
        message = await Refusal.OfAsync(StorageErrorKind.FailedPrecondition, () => StorageHost.OpenAsync(
            new StorageOptions { StateDirectory = storage.PathOf("other"), Pools = [StorageFixture.FilePool() with { Path = path }] }, IStepObserver.None, TimeProvider.System, _ => { }));
        Assert.Contains("belongs to another driver", message, StringComparison.Ordinal);
        Assert.Single(Directory.EnumerateFiles(path, "*.img"));
    }

    [Fact]
    public async Task A_pool_that_is_no_longer_configured_takes_its_volumes_service_but_not_their_data()
    {
        await using StorageFixture storage = await StorageFixture.OpenAsync();
        VolumeInfo volume = await storage.CreateAsync("data");
        storage.Stop();
        IReadOnlyList<PoolOptions> all = storage.Pools;
        storage.Pools = [StorageFixture.DramPool()];
        await storage.StartAsync();
        Assert.Equal("PoolMissing", Assert.Single(storage.Manager.GetVolume(volume.Id).Health).Reason);
        await Refusal.OfAsync(StorageErrorKind.Unavailable, () => storage.StageAsync(volume));
        await Refusal.OfAsync(StorageErrorKind.Unavailable, () => storage.Manager.DeleteVolumeAsync(volume.Id, default));
        Assert.Single(storage.Manager.ListVolumes());
        storage.Stop();
        storage.Pools = all;
        await storage.StartAsync();
        await storage.StageAsync(volume);
    }

    [Fact]
    public async Task A_missing_image_is_told_and_can_be_deleted()
    {
        await using StorageFixture storage = await StorageFixture.OpenAsync();
        VolumeInfo volume = await storage.CreateAsync("data");
        File.Delete($"{storage.StateDirectory}/pools/file/{volume.Id}.img");
        Assert.Equal("ImageMissing", Assert.Single(storage.Manager.GetVolume(volume.Id).Health).Reason);
        await storage.RestartAsync();
        Assert.Equal(HealthKind.DataLoss, Assert.Single(await storage.Publisher.GetHealthAsync(volume.Id, null, default)).Kind);
        await storage.Manager.DeleteVolumeAsync(volume.Id, default);
        Assert.Empty(storage.Manager.ListVolumes());
    }

    [Theory]
    [InlineData("no pools")]
    [InlineData("Upper")]
    [InlineData("")]
    [InlineData("twice")]
    [InlineData("size")]
    [InlineData("file system")]
    [InlineData("path")]
    [InlineData("node")]
    [InlineData("defaults")]
    public async Task Pools_that_cannot_be_are_refused_before_anything_is_made(string what)
    {
        PoolOptions good = StorageFixture.FilePool();
        IReadOnlyList<PoolOptions> pools = what switch
        {
            "no pools" => [],
            "twice" => [good, good],
            "size" => [good with { SizeBytes = 0 }],
            "file system" => [good with { DefaultFileSystem = "vfat" }],
            "path" => [good with { Path = "pool" }],
            "node" => [good with { NumaNode = 4000 }],
            "defaults" => [good with { IsDefault = true }, good with { Name = "b", IsDefault = true }],
            _ => [good with { Name = what }],
        };
        string root = StoragePaths.NewDirectory();
        await Refusal.OfAsync(StorageErrorKind.InvalidArgument, () => StorageHost.OpenAsync(
            new StorageOptions { StateDirectory = root + "/state", Pools = pools }, IStepObserver.None, TimeProvider.System, _ => { }));
        Assert.Empty(Directory.EnumerateFileSystemEntries(root));
        Directory.Delete(root);
    }

    /// <summary>Takes away what a power cut takes: all mounts and devices.</summary>
    private static void Reboot(StorageFixture storage)
    {
        storage.Stop();
        foreach (MountEntry mount in MountTable.Read().Where(mount => mount.MountPoint.StartsWith(storage.Root + "/", StringComparison.Ordinal)).Reverse())
            Mounts.Unmount(mount.MountPoint);
        foreach ((string device, _) in LoopDevice.ListAttached().Where(device => device.BackingFile.StartsWith(storage.Root + "/", StringComparison.Ordinal)))
            LoopDevice.Detach(device);
        Assert.Empty(StoragePaths.FindLeaks(storage.Root));
    }
}
