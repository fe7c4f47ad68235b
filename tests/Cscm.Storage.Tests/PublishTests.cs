using Cscm.Storage.Linux;

namespace Cscm.Storage.Tests;

/// <summary>Staging and publishing: what is mounted how, and what is refused.</summary>
public sealed class PublishTests
{
    private const long MiB = StorageFixture.MiB;

    [Theory]
    [InlineData("file", AccessType.Mount)]
    [InlineData("file", AccessType.Block)]
    [InlineData("dram", AccessType.Mount)]
    public async Task Every_call_may_be_repeated(string pool, AccessType access)
    {
        await using StorageFixture storage = await StorageFixture.OpenAsync();
        VolumeInfo volume = await storage.CreateAsync("data", pool: pool, access: access);
        string stage = await storage.StageAsync(volume);
        await storage.StageAsync(volume);
        string target = await storage.PublishAsync(volume);
        await storage.PublishAsync(volume);
        Assert.Single(MountTable.Read(), mount => mount.MountPoint == target);
        await storage.RestartAsync();
        await storage.StageAsync(volume);
        await storage.PublishAsync(volume);
        Assert.Single(MountTable.Read(), mount => mount.MountPoint == target);
        VolumeInfo now = storage.Manager.GetVolume(volume.Id);
        Assert.Equal((stage, target), (now.StagingPath, Assert.Single(now.TargetPaths)));

        await Refusal.OfAsync(StorageErrorKind.FailedPrecondition, () => storage.Publisher.UnstageAsync(volume.Id, stage, default));
        for (int i = 0; i < 2; i++)
            await storage.Publisher.UnpublishAsync(volume.Id, target, default);
        for (int i = 0; i < 2; i++)
            await storage.Publisher.UnstageAsync(volume.Id, stage, default);
        Assert.False(Path.Exists(target));
        Assert.True(Directory.Exists(stage));
        await storage.Manager.DeleteVolumeAsync(volume.Id, default);
        VolumeTests.AssertEmpty(storage);
    }

    /// <summary>As the kubelet asks before it unstages: mounts of the same device with the same root are someone else's use of it.</summary>
    [Theory]
    [InlineData("file")]
    [InlineData("dram")]
    public async Task What_is_staged_is_mounted_nowhere_else(string pool)
    {
        await using StorageFixture storage = await StorageFixture.OpenAsync();
        string stage = await storage.StageAsync(await storage.CreateAsync("data", pool: pool));
        MountEntry staged = MountTable.Read().Last(mount => mount.MountPoint == stage);
        Assert.DoesNotContain(MountTable.Read(), mount => mount.MountPoint != stage && (mount.Device, mount.Root) == (staged.Device, staged.Root));
    }

    [Fact]
    public async Task Read_only_means_read_only_for_that_target_alone()
    {
        await using StorageFixture storage = await StorageFixture.OpenAsync();
        VolumeInfo volume = await storage.CreateAsync("data"), device = await storage.CreateAsync("device", access: AccessType.Block);
        await storage.StageAsync(volume);
        string writable = await storage.PublishAsync(volume, "rw"), readOnly = await storage.PublishAsync(volume, "ro", isReadOnly: true);
        string byFlag = await storage.PublishAsync(volume, "ro-flag", options: new MountOptions { Flags = ["ro"] });
        string byMode = await storage.PublishAsync(volume, "ro-mode", options: new MountOptions { IsReadOnly = true });
        await File.WriteAllTextAsync(writable + "/record", "x");
        foreach (string path in new[] { readOnly, byFlag, byMode })
        {
            Assert.Equal("x", await File.ReadAllTextAsync(path + "/record"));
            await Assert.ThrowsAnyAsync<IOException>(() => File.WriteAllTextAsync(path + "/record", "y"));
        }

        await storage.StageAsync(device);
        string blockWritable = await storage.PublishAsync(device, "block-rw");
        await File.WriteAllBytesAsync(blockWritable, new byte[8192]);
        string blockReadOnly = await storage.PublishAsync(device, "block-ro", isReadOnly: true);
        Assert.Equal(16 * MiB, (await File.ReadAllBytesAsync(blockReadOnly)).Length);
        Exception refused = await Record.ExceptionAsync(() => WriteDurablyAsync(blockReadOnly));
        Assert.True(refused is IOException or UnauthorizedAccessException, $"{refused}");
        await WriteDurablyAsync(blockWritable);
    }

    [Fact]
    public async Task Flags_take_effect_on_the_mount()
    {
        await using StorageFixture storage = await StorageFixture.OpenAsync();
        VolumeInfo volume = await storage.CreateAsync("data");
        await storage.StageAsync(volume, new MountOptions { Flags = ["discard", "dev"] });
        string plain = await storage.PublishAsync(volume, "plain"), strict = await storage.PublishAsync(volume, "strict", options: new MountOptions { Flags = ["noexec,noatime", "discard"] });
        Assert.Equal("rw,nosuid,nodev,relatime", OptionsOf(plain));
        Assert.Equal("rw,nosuid,nodev,noexec,noatime", OptionsOf(strict));
        Assert.Contains("discard", MountTable.Read().Last(mount => mount.MountPoint == strict).SuperOptions, StringComparison.Ordinal);
        await Refusal.OfAsync(StorageErrorKind.FailedPrecondition, () => storage.PublishAsync(volume, "other", options: new MountOptions { Flags = ["data=journal"] }));
        await Refusal.OfAsync(StorageErrorKind.InvalidArgument, () => storage.PublishAsync(volume, "other", options: new MountOptions { Flags = ["bind"] }));
        Assert.False(Path.Exists(storage.PathOf("other")));
    }

    [Fact]
    public async Task A_label_reaches_the_kernel()
    {
        await using StorageFixture storage = await StorageFixture.OpenAsync();
        VolumeInfo volume = await storage.CreateAsync("data");
        var options = new MountOptions { Flags = ["context=\"system_u:object_r:container_file_t:s0:c1,c2\""] };
        if (Directory.Exists("/sys/fs/selinux/class"))
        {
            string stage = await storage.StageAsync(volume, options);
            Assert.Contains("context=", MountTable.Read().Last(mount => mount.MountPoint == stage).SuperOptions, StringComparison.Ordinal);
        }
        else
        {
            // A kernel without SELinux does not know the option, and says so: it was passed on.
            string message = await Refusal.OfAsync(StorageErrorKind.FailedPrecondition, () => storage.StageAsync(volume, options));
            Assert.Contains("context", message, StringComparison.Ordinal);
            Assert.Null(storage.Manager.GetVolume(volume.Id).StagingPath);
        }
    }

    [Theory]
    [InlineData("file")]
    [InlineData("dram")]
    public async Task A_mount_group_owns_the_root(string pool)
    {
        await using StorageFixture storage = await StorageFixture.OpenAsync();
        VolumeInfo volume = await storage.CreateAsync("data", pool: pool);
        await storage.StageAsync(volume, new MountOptions { MountGroup = "4321" });
        string target = await storage.PublishAsync(volume, options: new MountOptions { MountGroup = "4321" });
        using (SafePath path = SafePath.Open(target))
            Assert.Equal((4321u, 0x5FD), (path.GetStatus().GroupId, path.GetStatus().Mode & 0xFFF));
        await storage.Publisher.UnpublishAsync(volume.Id, target, default);
        await storage.PublishAsync(volume, options: new MountOptions { MountGroup = "77" });
        using (SafePath path = SafePath.Open(target))
            Assert.Equal(77u, path.GetStatus().GroupId);
        foreach (string bad in new[] { "staff", "-1", "4294967295", "1 2", "99999999999" })
            await Refusal.OfAsync(StorageErrorKind.InvalidArgument, () => storage.PublishAsync(volume, "other", options: new MountOptions { MountGroup = bad }));
    }

    [Fact]
    public async Task A_single_writer_has_one_target()
    {
        await using StorageFixture storage = await StorageFixture.OpenAsync();
        VolumeInfo volume = await storage.CreateAsync("data");
        var single = new MountOptions { IsExclusive = true };
        await storage.StageAsync(volume);
        string target = await storage.PublishAsync(volume, "one", options: single);
        await storage.PublishAsync(volume, "one", options: single);
        await Refusal.OfAsync(StorageErrorKind.FailedPrecondition, () => storage.PublishAsync(volume, "two", options: single));
        await Refusal.OfAsync(StorageErrorKind.FailedPrecondition, () => storage.PublishAsync(volume, "two"));
        Assert.False(Path.Exists(storage.PathOf("two")));
        await storage.Publisher.UnpublishAsync(volume.Id, target, default);
        await storage.PublishAsync(volume, "two");
        await storage.PublishAsync(volume, "three");
        await Refusal.OfAsync(StorageErrorKind.FailedPrecondition, () => storage.PublishAsync(volume, "four", options: single));
    }

    [Fact]
    public async Task A_repetition_that_differs_is_refused()
    {
        await using StorageFixture storage = await StorageFixture.OpenAsync();
        VolumeInfo volume = await storage.CreateAsync("data");
        string stage = await storage.StageAsync(volume);
        await storage.PublishAsync(volume);
        await Refusal.OfAsync(StorageErrorKind.AlreadyExists, () => storage.StageAsync(volume, new MountOptions { Flags = ["noatime"] }));
        await Refusal.OfAsync(StorageErrorKind.AlreadyExists, () => storage.StageAsync(volume, new MountOptions { IsReadOnly = true }));
        await Refusal.OfAsync(StorageErrorKind.AlreadyExists, () => storage.PublishAsync(volume, isReadOnly: true));
        await Refusal.OfAsync(StorageErrorKind.AlreadyExists, () => storage.PublishAsync(volume, options: new MountOptions { IsExclusive = true }));
        await Refusal.OfAsync(StorageErrorKind.FailedPrecondition, () => storage.Publisher.StageAsync(new StageRequest(volume.Id, storage.NewDirectory("elsewhere"), new MountOptions()), default));
        await Refusal.OfAsync(StorageErrorKind.FailedPrecondition, () => storage.Publisher.PublishAsync(new PublishRequest(volume.Id, storage.PathOf("elsewhere"), storage.PathOf("t2"), false, new MountOptions()), default));
        await storage.Publisher.UnstageAsync(volume.Id, storage.PathOf("elsewhere"), default);
        Assert.Equal(stage, storage.Manager.GetVolume(volume.Id).StagingPath);
    }

    [Theory]
    [InlineData("")]
    [InlineData("/")]
    [InlineData("relative/path")]
    [InlineData("/a/../b")]
    [InlineData("/a/./b")]
    [InlineData("/a//b")]
    [InlineData("/a/")]
    [InlineData("/a\nb")]
    [InlineData("/a\0b")]
    public async Task A_malformed_path_is_refused_by_every_call(string path)
    {
        await using StorageFixture storage = await StorageFixture.OpenAsync(StorageFixture.DramPool());
        VolumeInfo volume = await storage.CreateAsync("data", pool: "dram");
        await storage.StageAsync(volume);
        await Refusal.OfAsync(StorageErrorKind.InvalidArgument, () => storage.Publisher.StageAsync(new StageRequest(volume.Id, path, new MountOptions()), default));
        await Refusal.OfAsync(StorageErrorKind.InvalidArgument, () => storage.Publisher.UnstageAsync(volume.Id, path, default));
        await Refusal.OfAsync(StorageErrorKind.InvalidArgument, () => storage.Publisher.PublishAsync(new PublishRequest(volume.Id, storage.PathOf("stage-data"), path, false, new MountOptions()), default));
        await Refusal.OfAsync(StorageErrorKind.InvalidArgument, () => storage.Publisher.UnpublishAsync(volume.Id, path, default));
    }

    [Theory]
    [InlineData("link", StorageErrorKind.InvalidArgument)]
    [InlineData("below-link", StorageErrorKind.InvalidArgument)]
    [InlineData("file", StorageErrorKind.InvalidArgument)]
    [InlineData("below-file", StorageErrorKind.InvalidArgument)]
    [InlineData("not-empty", StorageErrorKind.FailedPrecondition)]
    [InlineData("mounted", StorageErrorKind.FailedPrecondition)]
    [InlineData("no-parent", StorageErrorKind.FailedPrecondition)]
    [InlineData("long-component", StorageErrorKind.InvalidArgument)]
    [InlineData("long", StorageErrorKind.InvalidArgument)]
    [InlineData("own", StorageErrorKind.InvalidArgument)]
    public async Task A_path_that_cannot_be_mounted_on_is_refused_and_left_as_it_is(string what, StorageErrorKind kind)
    {
        await using StorageFixture storage = await StorageFixture.OpenAsync();
        VolumeInfo volume = await storage.CreateAsync("data"), other = await storage.CreateAsync("other", pool: "dram");
        string stage = await storage.StageAsync(volume);
        string place = storage.NewDirectory("place"), elsewhere = storage.NewDirectory("place/elsewhere");
        await File.WriteAllTextAsync(place + "/a-file", "kept");
        string path = what switch
        {
            "link" => File.CreateSymbolicLink(place + "/link", elsewhere).FullName,
            "below-link" => File.CreateSymbolicLink(place + "/link", elsewhere).FullName + "/target",
            "file" => place + "/a-file",
            "below-file" => place + "/a-file/target",
            "not-empty" => place,
            "mounted" => await StageAtAsync(storage, other, elsewhere),
            "no-parent" => place + "/missing/target",
            "long-component" => $"{place}/{new string('x', 300)}",
            "own" => storage.StateDirectory + "/volumes/x",
            _ => "/" + string.Join('/', Enumerable.Repeat("xxxx", 1000)),
        };
        string[] before = [.. Directory.EnumerateFileSystemEntries(place, "*", SearchOption.AllDirectories)];
        int mounts = MountTable.Read().Count(mount => mount.MountPoint.StartsWith(storage.Root, StringComparison.Ordinal));

        await Refusal.OfAsync(kind, () => storage.Publisher.PublishAsync(new PublishRequest(volume.Id, stage, path, false, new MountOptions()), default));
        await storage.Publisher.UnstageAsync(volume.Id, stage, default);
        mounts--;
        await Refusal.OfAsync(kind, () => storage.Publisher.StageAsync(new StageRequest(volume.Id, path, new MountOptions()), default));

        Assert.Equal(before, Directory.EnumerateFileSystemEntries(place, "*", SearchOption.AllDirectories));
        Assert.Equal(mounts, MountTable.Read().Count(mount => mount.MountPoint.StartsWith(storage.Root, StringComparison.Ordinal)));
        Assert.Equal("kept", await File.ReadAllTextAsync(place + "/a-file"));
        VolumeInfo now = storage.Manager.GetVolume(volume.Id);
        Assert.Null(now.StagingPath);
        Assert.Empty(now.TargetPaths);
    }

    [Fact]
    public async Task What_does_not_fit_the_volume_is_refused()
    {
        await using StorageFixture storage = await StorageFixture.OpenAsync();
        VolumeInfo volume = await storage.CreateAsync("data"), device = await storage.CreateAsync("device", access: AccessType.Block);
        string path = storage.NewDirectory("stage-data");
        await Refusal.OfAsync(StorageErrorKind.NotFound, () => storage.Publisher.StageAsync(new StageRequest("cscm-none", path, new MountOptions()), default));
        await Refusal.OfAsync(StorageErrorKind.InvalidArgument, () => storage.StageAsync(volume, new MountOptions { Access = AccessType.Block }));
        await Refusal.OfAsync(StorageErrorKind.InvalidArgument, () => storage.StageAsync(volume, new MountOptions { FileSystem = "xfs" }));
        await Refusal.OfAsync(StorageErrorKind.InvalidArgument, () => storage.StageAsync(device, new MountOptions { Access = AccessType.Mount }));
        await Refusal.OfAsync(StorageErrorKind.InvalidArgument, () => storage.StageAsync(device, new MountOptions { Access = AccessType.Block, Flags = ["noatime"] }));
        await Refusal.OfAsync(StorageErrorKind.FailedPrecondition, () => storage.PublishAsync(volume));
        await Refusal.OfAsync(StorageErrorKind.NotFound, () => storage.Publisher.PublishAsync(new PublishRequest("cscm-none", path, storage.PathOf("t"), false, new MountOptions()), default));
        await Refusal.OfAsync(StorageErrorKind.NotFound, async () => await storage.Publisher.GetStatsAsync("cscm-none", path, default));
        await Refusal.OfAsync(StorageErrorKind.NotFound, async () => await storage.Publisher.GetStatsAsync(volume.Id, path, default));
        await storage.StageAsync(device);
        Directory.CreateDirectory(storage.PathOf("a-directory"));
        await Refusal.OfAsync(StorageErrorKind.InvalidArgument, () => storage.PublishAsync(device, "a-directory"));
        Assert.Equal(device.CapacityBytes, (await storage.Publisher.GetStatsAsync(device.Id, storage.PathOf("stage-device"), default)).TotalBytes);
    }

    [Fact]
    public async Task A_volume_that_someone_keeps_open_is_not_unpublished()
    {
        await using StorageFixture storage = await StorageFixture.OpenAsync();
        VolumeInfo volume = await storage.CreateAsync("data");
        await storage.StageAsync(volume);
        string target = await storage.PublishAsync(volume);
        await using (FileStream open = File.Create(target + "/open"))
        {
            Assert.Contains("fuser", await Refusal.OfAsync(StorageErrorKind.FailedPrecondition, () => storage.Publisher.UnpublishAsync(volume.Id, target, default)), StringComparison.Ordinal);
            Assert.Equal([target], storage.Manager.GetVolume(volume.Id).TargetPaths);
        }
        await storage.Publisher.UnpublishAsync(volume.Id, target, default);
    }

    [Fact]
    public async Task An_unpublish_leaves_what_is_not_the_volumes()
    {
        await using StorageFixture storage = await StorageFixture.OpenAsync();
        VolumeInfo volume = await storage.CreateAsync("data");
        await storage.StageAsync(volume);
        string target = await storage.PublishAsync(volume);
        // Someone unmounted it and put files there.
        Mounts.Unmount(target);
        await File.WriteAllTextAsync(target + "/theirs", "kept");
        await Refusal.OfAsync(StorageErrorKind.FailedPrecondition, async () => await storage.Publisher.GetStatsAsync(volume.Id, target, default));
        HealthFinding finding = Assert.Single(await storage.Publisher.GetHealthAsync(volume.Id, target, default));
        Assert.Equal((HealthKind.Inaccessible, "NotMounted"), (finding.Kind, finding.Reason));
        await storage.Publisher.UnpublishAsync(volume.Id, target, default);
        Assert.Equal("kept", await File.ReadAllTextAsync(target + "/theirs"));
        Assert.Empty(storage.Manager.GetVolume(volume.Id).TargetPaths);
        Assert.Empty(await storage.Publisher.GetHealthAsync(volume.Id, storage.PathOf("stage-data"), default));
    }

    [Theory]
    [InlineData("file")]
    [InlineData("dram")]
    public async Task An_ephemeral_volume_lives_from_publish_to_unpublish(string pool)
    {
        await using StorageFixture storage = await StorageFixture.OpenAsync();
        string id = "csi-" + new string('x', 120) + "/../\n", target = storage.PathOf("target");
        var request = new PublishRequest(id, "", target, false, new MountOptions { MountGroup = "99" })
        {
            Ephemeral = new VolumeSpec { Name = id, Pool = pool, Size = new SizeRange(8 * MiB, 0) },
        };
        await storage.Publisher.PublishAsync(request, default);
        await storage.Publisher.PublishAsync(request, default);
        await File.WriteAllTextAsync(target + "/record", "x");
        Assert.True(storage.Manager.GetVolume(id).IsEphemeral);
        Assert.True((await storage.Publisher.GetStatsAsync(id, target, default)).TotalBytes >= 8 * MiB);
        await Refusal.OfAsync(StorageErrorKind.FailedPrecondition, () => storage.Publisher.PublishAsync(request with { TargetPath = storage.PathOf("other") }, default));
        await Refusal.OfAsync(StorageErrorKind.AlreadyExists, () => storage.Publisher.PublishAsync(request with { IsReadOnly = true }, default));
        await Refusal.OfAsync(StorageErrorKind.FailedPrecondition, () => storage.StageAsync(storage.Manager.GetVolume(id) with { Name = "eph" }));
        await Refusal.OfAsync(StorageErrorKind.FailedPrecondition, () => storage.Manager.DeleteVolumeAsync(id, default));
        await storage.Publisher.UnpublishAsync(id, target, default);
        await storage.Publisher.UnpublishAsync(id, target, default);
        Assert.False(Path.Exists(target));
        VolumeTests.AssertEmpty(storage);

        string link = File.CreateSymbolicLink(storage.PathOf("link"), storage.Root).FullName;
        await Refusal.OfAsync(StorageErrorKind.InvalidArgument, () => storage.Publisher.PublishAsync(request with { TargetPath = link }, default));
        await Refusal.OfAsync(StorageErrorKind.InvalidArgument, () => storage.Publisher.PublishAsync(request with { Options = new MountOptions { Flags = ["nonsense"] } }, default));
        await Refusal.OfAsync(StorageErrorKind.InvalidArgument, () => storage.Publisher.PublishAsync(request with { Options = new MountOptions { Access = AccessType.Block } }, default));
        await Refusal.OfAsync(StorageErrorKind.ResourceExhausted, () => storage.Publisher.PublishAsync(request with { Ephemeral = request.Ephemeral with { Size = new SizeRange(1L << 40, 0) } }, default));
        VolumeTests.AssertEmpty(storage);
        VolumeInfo durable = await storage.CreateAsync("data");
        await Refusal.OfAsync(StorageErrorKind.AlreadyExists, () => storage.Publisher.PublishAsync(request with { VolumeId = durable.Id }, default));
    }

    private static async Task WriteDurablyAsync(string device)
    {
        await using FileStream file = File.OpenWrite(device);
        await file.WriteAsync(new byte[4096]);
        file.Flush(flushToDisk: true);
    }

    private static string OptionsOf(string mountPoint)
        => File.ReadLines("/proc/self/mountinfo").Select(line => line.Split(' ')).Last(fields => fields[4] == mountPoint)[5];

    private static async Task<string> StageAtAsync(StorageFixture storage, VolumeInfo volume, string path)
    {
        await storage.Publisher.StageAsync(new StageRequest(volume.Id, path, new MountOptions()), default);
        return path;
    }
}
