using System.Security.Cryptography;
using Cscm.Storage.Linux;

namespace Cscm.Storage.Tests;

/// <summary>Creating, finding, growing and deleting volumes.</summary>
public sealed class VolumeTests
{
    private const long MiB = StorageFixture.MiB;

    [Fact]
    public async Task A_repeated_create_finds_the_volume_and_an_incompatible_one_is_refused()
    {
        await using StorageFixture storage = await StorageFixture.OpenAsync();
        var spec = new VolumeSpec { Name = "data", Size = new SizeRange(8 * MiB, 16 * MiB) };
        VolumeInfo volume = await storage.Manager.CreateVolumeAsync(spec, default);
        Assert.Equal(volume.Id, (await storage.Manager.CreateVolumeAsync(spec, default)).Id);
        Assert.Equal(volume.Id, (await storage.Manager.CreateVolumeAsync(spec with { Size = default, FileSystem = "ext4", Pool = "file" }, default)).Id);

        VolumeSpec[] incompatible =
        [
            spec with { Size = new SizeRange(9 * MiB, 0) },
            spec with { Size = new SizeRange(0, 7 * MiB) },
            spec with { Access = AccessType.Block },
            spec with { FileSystem = "xfs" },
            spec with { Pool = "dram" },
            spec with { Settings = new VolumeSettings { Erase = ErasePolicy.None } },
            spec with { Source = new ContentSource(ContentSourceKind.Volume, "cscm-none") },
        ];
        foreach (VolumeSpec other in incompatible)
            await Refusal.OfAsync(StorageErrorKind.AlreadyExists, () => storage.Manager.CreateVolumeAsync(other, default));
        Assert.Single(storage.Manager.ListVolumes());
    }

    [Fact]
    public async Task What_cannot_be_is_refused_without_a_trace()
    {
        await using StorageFixture storage = await StorageFixture.OpenAsync();
        var spec = new VolumeSpec { Name = "data", Size = new SizeRange(8 * MiB, 0) };
        (StorageErrorKind Kind, VolumeSpec Spec)[] cases =
        [
            (StorageErrorKind.InvalidArgument, spec with { Name = "" }),
            (StorageErrorKind.InvalidArgument, spec with { Pool = "none" }),
            (StorageErrorKind.InvalidArgument, spec with { Pool = "../file" }),
            (StorageErrorKind.InvalidArgument, spec with { FileSystem = "vfat" }),
            (StorageErrorKind.InvalidArgument, spec with { FileSystem = "ext4; reboot" }),
            (StorageErrorKind.InvalidArgument, spec with { Pool = "dram", FileSystem = "ext4" }),
            (StorageErrorKind.InvalidArgument, spec with { Pool = "dram", Access = AccessType.Block }),
            (StorageErrorKind.InvalidArgument, spec with { Size = new SizeRange(-1, 0) }),
            (StorageErrorKind.InvalidArgument, spec with { Pool = "file", Settings = new VolumeSettings { HugePages = HugePages.Always } }),
            (StorageErrorKind.OutOfRange, spec with { Size = new SizeRange(8 * MiB, 4 * MiB) }),
            (StorageErrorKind.OutOfRange, spec with { Size = new SizeRange((8 * MiB) + 1, (8 * MiB) + 2) }),
            (StorageErrorKind.OutOfRange, spec with { Size = new SizeRange(long.MaxValue, 0) }),
            (StorageErrorKind.OutOfRange, spec with { FileSystem = "xfs", Size = new SizeRange(8 * MiB, 10 * MiB) }),
            (StorageErrorKind.ResourceExhausted, spec with { Size = new SizeRange(1L << 50, 0) }),
            (StorageErrorKind.FailedPrecondition, spec with { Pool = "file", Settings = new VolumeSettings { Dax = DaxPolicy.Required } }),
            (StorageErrorKind.FailedPrecondition, spec with { Pool = "dram", Settings = new VolumeSettings { Dax = DaxPolicy.Required } }),
            (StorageErrorKind.NotFound, spec with { Source = new ContentSource(ContentSourceKind.Volume, "cscm-none") }),
            (StorageErrorKind.NotFound, spec with { Source = new ContentSource(ContentSourceKind.Snapshot, "snap-none") }),
        ];
        foreach ((StorageErrorKind kind, VolumeSpec bad) in cases)
            await Refusal.OfAsync(kind, () => storage.Manager.CreateVolumeAsync(bad, default));
        AssertEmpty(storage);
    }

    [Theory]
    [InlineData("../../../../etc/passwd")]
    [InlineData("a\nb\0c; rm -rf $HOME `id` \"'\\")]
    [InlineData("ünïcödé-名前-🗄")]
    [InlineData("cscm-00000000000000000000000000000000")]
    public async Task A_name_is_never_part_of_a_path(string name)
    {
        await using StorageFixture storage = await StorageFixture.OpenAsync();
        VolumeInfo volume = await storage.CreateAsync(name, access: AccessType.Block, sizeBytes: 2 * MiB);
        Assert.Matches("^cscm-[0-9a-f]{32}$", volume.Id);
        await storage.RestartAsync();
        Assert.Equal(name, storage.Manager.GetVolume(volume.Id).Name);
        await storage.Manager.DeleteVolumeAsync(volume.Id, default);
        AssertEmpty(storage);
    }

    [Theory]
    [InlineData("file", AccessType.Mount, "ext4")]
    [InlineData("file", AccessType.Mount, "xfs")]
    [InlineData("file", AccessType.Block, null)]
    [InlineData("dram", AccessType.Mount, null)]
    public async Task A_volume_of_the_maximum_size_succeeds_and_a_larger_one_does_not(string pool, AccessType access, string? fileSystem)
    {
        await using StorageFixture storage = await StorageFixture.OpenAsync(
            StorageFixture.FilePool(777 * MiB), StorageFixture.DramPool(333 * MiB));
        long largestBytes = storage.Manager.GetCapacity(pool, access, fileSystem).MaximumVolumeBytes;
        Assert.True(largestBytes > 300 * MiB);
        await Refusal.OfAsync(
            StorageErrorKind.ResourceExhausted, () => storage.CreateAsync("too-large", largestBytes + (2 * MiB), pool, fileSystem, access));
        VolumeInfo volume = await storage.CreateAsync("largest", largestBytes, pool, fileSystem, access);
        await Refusal.OfAsync(StorageErrorKind.ResourceExhausted, () => storage.CreateAsync("another", 400 * MiB, pool, fileSystem, access));
        await Refusal.OfAsync(StorageErrorKind.ResourceExhausted, () => storage.Manager.ExpandVolumeAsync(volume.Id, new SizeRange(largestBytes + (10 * MiB), 0), default));
        if (access == AccessType.Mount)
        {
            string path = await storage.StageAsync(volume);
            VolumeStats stats = await storage.Publisher.GetStatsAsync(volume.Id, path, default);
            Assert.True(stats.AvailableBytes >= largestBytes, $"{stats} of {largestBytes}");
            await storage.Publisher.UnstageAsync(volume.Id, path, default);
        }
        await storage.Manager.DeleteVolumeAsync(volume.Id, default);
        Assert.Equal(largestBytes, storage.Manager.GetCapacity(pool, access, fileSystem).MaximumVolumeBytes);
        AssertEmpty(storage);
    }

    [Fact]
    public async Task A_request_that_names_no_pool_gets_the_default_or_one_that_can()
    {
        await using StorageFixture storage = await StorageFixture.OpenAsync(
            StorageFixture.DramPool(64 * MiB), StorageFixture.FilePool(name: "disk"));
        var spec = new VolumeSpec { Name = "a", Size = new SizeRange(8 * MiB, 0) };
        Assert.Equal("dram", (await storage.Manager.CreateVolumeAsync(spec, default)).Pool);
        Assert.Equal("disk", (await storage.Manager.CreateVolumeAsync(spec with { Name = "b", Access = AccessType.Block }, default)).Pool);
        Assert.Equal("disk", (await storage.Manager.CreateVolumeAsync(spec with { Name = "c", FileSystem = "ext4" }, default)).Pool);
        Assert.Equal("disk", (await storage.Manager.CreateVolumeAsync(spec with { Name = "d", Size = new SizeRange(65 * MiB, 0) }, default)).Pool);
        PoolCapacity all = storage.Manager.GetCapacity(null, AccessType.Mount, null);
        Assert.True(all.AvailableBytes > storage.Manager.GetCapacity("disk", AccessType.Mount, null).AvailableBytes);
        Assert.Equal(default, storage.Manager.GetCapacity("dram", AccessType.Block, null));
        Assert.Throws<StorageException>(() => storage.Manager.GetCapacity("none", AccessType.Mount, null));
    }

    [Fact]
    public async Task A_new_volume_never_shows_an_old_ones_bytes()
    {
        await using StorageFixture storage = await StorageFixture.OpenAsync(StorageFixture.FilePool(64 * MiB));
        for (int round = 0; round < 3; round++)
        {
            VolumeInfo volume = await storage.CreateAsync($"v{round}", 60 * MiB, access: AccessType.Block);
            await storage.StageAsync(volume);
            string target = await storage.PublishAsync(volume, $"target{round}");
            byte[] content = await File.ReadAllBytesAsync(target);
            Assert.Equal(60 * MiB, content.Length);
            Assert.True(content.AsSpan().IndexOfAnyExcept((byte)0) < 0, "an old volume's bytes");
            RandomNumberGenerator.Fill(content);
            await File.WriteAllBytesAsync(target, content);
            await storage.Publisher.UnpublishAsync(volume.Id, target, default);
            await storage.Publisher.UnstageAsync(volume.Id, storage.PathOf("stage-" + volume.Name), default);
            await storage.Manager.DeleteVolumeAsync(volume.Id, default);
        }
        AssertEmpty(storage);
    }

    [Fact]
    public async Task A_volume_in_use_is_not_deleted_and_a_missing_one_is()
    {
        await using StorageFixture storage = await StorageFixture.OpenAsync();
        VolumeInfo volume = await storage.CreateAsync("data");
        string stage = await storage.StageAsync(volume);
        Assert.Contains(stage, await Refusal.OfAsync(StorageErrorKind.FailedPrecondition, () => storage.Manager.DeleteVolumeAsync(volume.Id, default)), StringComparison.Ordinal);
        await storage.Publisher.UnstageAsync(volume.Id, stage, default);
        await storage.Manager.DeleteVolumeAsync(volume.Id, default);
        await storage.Manager.DeleteVolumeAsync(volume.Id, default);
        await storage.Manager.DeleteVolumeAsync("../../etc", default);
        Assert.Throws<StorageException>(() => storage.Manager.GetVolume(volume.Id));
        AssertEmpty(storage);
    }

    [Theory]
    [InlineData("file", "xfs", AccessType.Mount, false)]
    [InlineData("file", "ext4", AccessType.Mount, true)]
    [InlineData("file", "xfs", AccessType.Mount, true)]
    [InlineData("dram", null, AccessType.Mount, false)]
    [InlineData("file", null, AccessType.Block, false)]
    public async Task A_grown_volume_offers_its_new_size(string pool, string? fileSystem, AccessType access, bool isOffline)
    {
        await using StorageFixture storage = await StorageFixture.OpenAsync();
        VolumeInfo volume = await storage.CreateAsync("data", 32 * MiB, pool, fileSystem, access);
        string stage = isOffline ? storage.PathOf("stage-data") : await storage.StageAsync(volume);
        ExpandResult result = await storage.Manager.ExpandVolumeAsync(volume.Id, new SizeRange((400 * MiB) - 5, 0), default);
        Assert.Equal(400 * MiB, result.CapacityBytes);
        Assert.Equal(pool == "file" && access == AccessType.Mount, result.NodeExpansionRequired);
        Assert.Equal(result, await storage.Manager.ExpandVolumeAsync(volume.Id, new SizeRange(400 * MiB, 0), default));
        if (isOffline)
            await storage.StageAsync(volume);
        else if (result.NodeExpansionRequired)
            await storage.Publisher.ExpandOnNodeAsync(volume.Id, stage, new SizeRange(400 * MiB, 0), default);
        string target = await storage.PublishAsync(volume);
        if (access == AccessType.Block)
        {
            using SafePath device = SafePath.Open(target);
            Assert.Equal(400 * MiB, FileSystemControl.GetDeviceSize(device));
        }
        else
        {
            VolumeStats stats = await storage.Publisher.GetStatsAsync(volume.Id, target, default);
            Assert.True(stats.AvailableBytes >= 400 * MiB, stats.ToString());
        }
        Assert.False((await storage.Manager.ExpandVolumeAsync(volume.Id, new SizeRange(10 * MiB, 0), default)).NodeExpansionRequired);
        await Refusal.OfAsync(StorageErrorKind.OutOfRange, () => storage.Manager.ExpandVolumeAsync(volume.Id, new SizeRange(0, 300 * MiB), default));
        await Refusal.OfAsync(StorageErrorKind.OutOfRange, () => storage.Publisher.ExpandOnNodeAsync(volume.Id, target, new SizeRange(401 * MiB, 0), default));
        await Refusal.OfAsync(StorageErrorKind.NotFound, () => storage.Manager.ExpandVolumeAsync("cscm-none", new SizeRange(1, 0), default));
    }

    [FactIfCapable]
    public async Task An_ext4_grows_while_it_is_mounted()
    {
        await using StorageFixture storage = await StorageFixture.OpenAsync();
        VolumeInfo volume = await storage.CreateAsync("data", 32 * MiB);
        string stage = await storage.StageAsync(volume);
        await storage.Manager.ExpandVolumeAsync(volume.Id, new SizeRange(300 * MiB, 0), default);
        await storage.Publisher.ExpandOnNodeAsync(volume.Id, stage, default, default);
        Assert.True((await storage.Publisher.GetStatsAsync(volume.Id, stage, default)).AvailableBytes >= 300 * MiB);
    }

    [Theory]
    [InlineData("ext4")]
    [InlineData("xfs")]
    public async Task Growth_in_many_steps_keeps_its_promise_at_each(string fileSystem)
    {
        await using StorageFixture storage = await StorageFixture.OpenAsync(StorageFixture.FilePool(8192 * MiB));
        VolumeInfo volume = await storage.CreateAsync("data", 2 * MiB, fileSystem: fileSystem);
        foreach (long sizeMiB in new long[] { 40, 120, 126, 132, 250, 260, 500, 1020, 1030, 2500, 5000 })
        {
            await storage.Manager.ExpandVolumeAsync(volume.Id, new SizeRange(sizeMiB * MiB, 0), default);
            string stage = await storage.StageAsync(volume);
            VolumeStats stats = await storage.Publisher.GetStatsAsync(volume.Id, stage, default);
            Assert.True(stats.AvailableBytes >= sizeMiB * MiB, $"{stats} of {sizeMiB} MiB");
            await storage.Publisher.UnstageAsync(volume.Id, stage, default);
        }
    }

    [Fact]
    public async Task Settings_change_and_stay_changed()
    {
        await using StorageFixture storage = await StorageFixture.OpenAsync();
        VolumeInfo dram = await storage.CreateAsync("d", pool: "dram"), file = await storage.CreateAsync("f");
        VolumeInfo changed = await storage.Manager.ModifyVolumeAsync(dram.Id, new VolumeSettingsChange(ErasePolicy.None, HugePages.Never), default);
        Assert.Equal((ErasePolicy.None, HugePages.Never), (changed.Settings.Erase, changed.Settings.HugePages!.Value));
        await Refusal.OfAsync(StorageErrorKind.InvalidArgument, () => storage.Manager.ModifyVolumeAsync(file.Id, new VolumeSettingsChange(null, HugePages.Always), default));
        await Refusal.OfAsync(StorageErrorKind.NotFound, () => storage.Manager.ModifyVolumeAsync("cscm-none", new VolumeSettingsChange(null, null), default));
        await storage.RestartAsync();
        Assert.Equal(changed.Settings, storage.Manager.GetVolume(dram.Id).Settings);
        Assert.Equal(dram.Id, (await storage.CreateAsync("d", pool: "dram")).Id);
    }

    [Fact]
    public async Task A_cancelled_create_leaves_nothing()
    {
        await using StorageFixture storage = await StorageFixture.OpenAsync();
        using var cancel = new CancellationTokenSource();
        storage.Stop();
        storage.Steps = new DelegateObserver(step =>
        {
            if (step == "file.make-file-system")
                cancel.Cancel();
        });
        await storage.StartAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => storage.Manager.CreateVolumeAsync(
            new VolumeSpec { Name = "data", Size = new SizeRange(8 * MiB, 0) }, cancel.Token));
        AssertEmpty(storage);
    }

    internal static void AssertEmpty(StorageFixture storage)
    {
        Assert.Empty(storage.Manager.ListVolumes());
        Assert.Empty(StoragePaths.FindLeaks(storage.Root));
        Assert.Empty(Directory.EnumerateFiles(storage.StateDirectory, "*.log", SearchOption.AllDirectories));
        Assert.Empty(Directory.EnumerateFiles(storage.StateDirectory, "*.img", SearchOption.AllDirectories));
        foreach (PoolInfo pool in storage.Manager.ListPools())
        {
            PoolCapacity capacity = storage.Manager.GetCapacity(pool.Name, pool.SupportsBlock ? AccessType.Block : AccessType.Mount, null);
            Assert.Equal(capacity.TotalBytes / (2 * MiB) * (2 * MiB), capacity.AvailableBytes);
        }
        Assert.Empty(storage.Log);
    }
}

/// <summary>Calls a delegate at every step.</summary>
internal sealed class DelegateObserver(Action<string> reached) : IStepObserver
{
    public void Reached(string step) => reached(step);
}

/// <summary>Runs where the process may grow a mounted ext4.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class FactIfCapableAttribute : FactAttribute
{
    private const int SysResource = 24;

    public FactIfCapableAttribute()
    {
        string line = File.ReadLines("/proc/self/status").Single(text => text.StartsWith("CapEff:", StringComparison.Ordinal));
        ulong capabilities = ulong.Parse(line.AsSpan("CapEff:".Length).Trim(), System.Globalization.NumberStyles.HexNumber);
        if (((capabilities >> SysResource) & 1) == 0)
            Skip = "the kernel wants CAP_SYS_RESOURCE for growing a mounted ext4, and this machine withholds it: run where root has all capabilities";
    }
}
