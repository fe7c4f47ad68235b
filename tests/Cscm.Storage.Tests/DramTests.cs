using Cscm.Storage.Linux;

namespace Cscm.Storage.Tests;

/// <summary>What only dram volumes have.</summary>
public sealed class DramTests
{
    private const long MiB = StorageFixture.MiB;

    [Fact]
    public async Task A_dram_volume_is_bounded_placed_and_paged_as_configured()
    {
        await using StorageFixture storage = await StorageFixture.OpenAsync(
            StorageFixture.DramPool() with { NumaNode = 0, HugePages = HugePages.WithinSize });
        VolumeInfo volume = await storage.CreateAsync("data", 4 * MiB, "dram");
        Assert.Equal(0, volume.NumaNode);
        string stage = await storage.StageAsync(volume);
        string options = MountTable.Read().Last(mount => mount.MountPoint == stage).SuperOptions;
        Assert.Contains("size=4096k", options, StringComparison.Ordinal);
        Assert.Contains("mpol=bind:0", options, StringComparison.Ordinal);
        Assert.Contains("nr_inodes=1024", options, StringComparison.Ordinal);
        if (Directory.Exists("/sys/kernel/mm/transparent_hugepage"))
            Assert.Contains("huge=within_size", options, StringComparison.Ordinal);

        await File.WriteAllBytesAsync(stage + "/full", new byte[3 * MiB]);
        IOException full = await Assert.ThrowsAnyAsync<IOException>(() => File.WriteAllBytesAsync(stage + "/more", new byte[3 * MiB]));
        Assert.Contains("space", full.Message, StringComparison.OrdinalIgnoreCase);
        await storage.Manager.ExpandVolumeAsync(volume.Id, new SizeRange(8 * MiB, 0), default);
        await File.WriteAllBytesAsync(stage + "/more", new byte[3 * MiB]);
        await storage.RestartAsync();
        Assert.Equal(3 * MiB, new FileInfo(stage + "/more").Length);
        Assert.Contains("mpol=bind:0", MountTable.Read().Last(mount => mount.MountPoint == stage).SuperOptions, StringComparison.Ordinal);
    }

    [FactIfHugePages]
    public async Task A_volumes_own_huge_page_policy_wins_over_the_pools()
    {
        await using StorageFixture storage = await StorageFixture.OpenAsync(StorageFixture.DramPool());
        VolumeInfo volume = await storage.Manager.CreateVolumeAsync(
            new VolumeSpec { Name = "data", Size = new SizeRange(4 * MiB, 0), Settings = new VolumeSettings { HugePages = HugePages.Always } }, default);
        string stage = await storage.StageAsync(volume);
        Assert.Contains("huge=always", MountTable.Read().Last(mount => mount.MountPoint == stage).SuperOptions, StringComparison.Ordinal);
        await storage.Manager.ModifyVolumeAsync(volume.Id, new VolumeSettingsChange(null, HugePages.Advise), default);
        Assert.Contains("huge=advise", MountTable.Read().Last(mount => mount.MountPoint == stage).SuperOptions, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_tmpfs_that_someone_unmounted_is_told_and_comes_back_empty()
    {
        await using StorageFixture storage = await StorageFixture.OpenAsync();
        VolumeInfo volume = await storage.CreateAsync("data", pool: "dram");
        Mounts.Unmount($"{storage.StateDirectory}/pools/dram/{volume.Id}");
        Assert.Equal("MemoryUnmounted", Assert.Single(storage.Manager.GetVolume(volume.Id).Health).Reason);
        await Refusal.OfAsync(StorageErrorKind.DataLoss, () => storage.StageAsync(volume));
        await Refusal.OfAsync(StorageErrorKind.DataLoss, () => storage.Manager.ExpandVolumeAsync(volume.Id, new SizeRange(32 * MiB, 0), default));
        await storage.RestartAsync();
        Assert.Equal("MemoryLost", Assert.Single(storage.Manager.GetVolume(volume.Id).Health).Reason);
        await storage.StageAsync(volume);
    }
}

/// <summary>Runs where the kernel has transparent huge pages.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class FactIfHugePagesAttribute : FactAttribute
{
    public FactIfHugePagesAttribute()
    {
        if (!Directory.Exists("/sys/kernel/mm/transparent_hugepage"))
            Skip = "this kernel has no transparent huge pages: run on one built with CONFIG_TRANSPARENT_HUGEPAGE";
    }
}
