namespace Cscm.Storage.Tests;

/// <summary>A volume's whole life, on every pool and file system.</summary>
public sealed class LifecycleTests
{
    [Theory]
    [InlineData("file", "ext4")]
    [InlineData("file", "xfs")]
    [InlineData("dram", "tmpfs")]
    public async Task A_volume_is_created_staged_published_measured_and_taken_away(string pool, string fileSystem)
    {
        await using StorageFixture storage = await StorageFixture.OpenAsync();
        VolumeInfo volume = await storage.CreateAsync("data", 300 * StorageFixture.MiB - 1, pool == "dram" ? "dram" : pool, fileSystem);
        Assert.Equal(300 * StorageFixture.MiB, volume.CapacityBytes);
        Assert.True(volume.BackingBytes >= volume.CapacityBytes);

        string stage = await storage.StageAsync(volume);
        string target = await storage.PublishAsync(volume);
        await File.WriteAllTextAsync(Path.Combine(target, "record"), "kept");
        Assert.Equal("kept", await File.ReadAllTextAsync(Path.Combine(stage, "record")));
        Assert.Equal([target], storage.Manager.GetVolume(volume.Id).TargetPaths);

        VolumeStats stats = await storage.Publisher.GetStatsAsync(volume.Id, target, CancellationToken.None);
        Assert.True(stats.AvailableBytes > 290 * StorageFixture.MiB && stats.TotalInodes > 1000 && stats.UsedInodes > 0, stats.ToString());

        await storage.Publisher.UnpublishAsync(volume.Id, target, CancellationToken.None);
        Assert.False(Path.Exists(target));
        await storage.Publisher.UnstageAsync(volume.Id, stage, CancellationToken.None);
        await storage.Manager.DeleteVolumeAsync(volume.Id, CancellationToken.None);
        Assert.Empty(storage.Manager.ListVolumes());
        Assert.Empty(StoragePaths.FindLeaks(storage.Root));
        Assert.Empty(Directory.EnumerateFiles(storage.StateDirectory, "cscm-*", SearchOption.AllDirectories));
        Assert.Empty(storage.Log);
    }
}
