namespace Cscm.Storage.Tests;

/// <summary>Snapshots, clones and groups.</summary>
public sealed class SnapshotTests
{
    private const long MiB = StorageFixture.MiB;

    [Theory]
    [InlineData("ext4", ContentSourceKind.Snapshot)]
    [InlineData("xfs", ContentSourceKind.Snapshot)]
    [InlineData("ext4", ContentSourceKind.Volume)]
    [InlineData("xfs", ContentSourceKind.Volume)]
    public async Task A_copy_of_a_mounted_volume_is_mounted_beside_it_and_lives_its_own_life(string fileSystem, ContentSourceKind kind)
    {
        await using StorageFixture storage = await StorageFixture.OpenAsync();
        VolumeInfo source = await storage.CreateAsync("source", 8 * MiB, fileSystem: fileSystem);
        string sourcePath = await storage.StageAsync(source);
        await File.WriteAllTextAsync(sourcePath + "/record", "then");
        string sourceId = kind == ContentSourceKind.Volume ? source.Id : (await storage.Manager.CreateSnapshotAsync("s", source.Id, default)).Id;
        VolumeInfo copy = await storage.CreateAsync("copy", 300 * MiB, source: new ContentSource(kind, sourceId));
        await File.WriteAllTextAsync(sourcePath + "/record", "now");

        string copyPath = await storage.StageAsync(copy);
        Assert.Equal("then", await File.ReadAllTextAsync(copyPath + "/record"));
        await File.WriteAllTextAsync(copyPath + "/record", "elsewhere");
        Assert.Equal("now", await File.ReadAllTextAsync(sourcePath + "/record"));
        VolumeStats stats = await storage.Publisher.GetStatsAsync(copy.Id, copyPath, default);
        // What the copied files take is not available.
        Assert.True(stats.AvailableBytes >= (300 * MiB) - (64 << 10), stats.ToString());
        Assert.Equal(fileSystem, copy.FileSystem);
    }

    [Fact]
    public async Task A_block_volume_is_copied_byte_by_byte()
    {
        await using StorageFixture storage = await StorageFixture.OpenAsync();
        VolumeInfo source = await storage.CreateAsync("source", 4 * MiB, access: AccessType.Block);
        await storage.StageAsync(source);
        string target = await storage.PublishAsync(source);
        byte[] content = new byte[4 * MiB];
        new Random(1).NextBytes(content);
        await File.WriteAllBytesAsync(target, content);
        SnapshotInfo snapshot = await storage.Manager.CreateSnapshotAsync("s", source.Id, default);
        VolumeInfo copy = await storage.CreateAsync("copy", 6 * MiB, access: AccessType.Block, source: new ContentSource(ContentSourceKind.Snapshot, snapshot.Id));
        await storage.StageAsync(copy);
        byte[] copied = await File.ReadAllBytesAsync(await storage.PublishAsync(copy, "copied"));
        Assert.Equal(content, copied[..content.Length]);
        Assert.All(copied[content.Length..], value => Assert.Equal(0, value));
    }

    [Fact]
    public async Task The_rules_of_content_sources_hold()
    {
        await using StorageFixture storage = await StorageFixture.OpenAsync();
        VolumeInfo source = await storage.CreateAsync("source", 32 * MiB), dram = await storage.CreateAsync("dram", pool: "dram");
        SnapshotInfo snapshot = await storage.Manager.CreateSnapshotAsync("s", source.Id, default);
        Assert.Equal(32 * MiB, snapshot.CapacityBytes);
        Assert.Equal(snapshot, await storage.Manager.CreateSnapshotAsync("s", source.Id, default));
        Assert.Equal(snapshot, storage.Manager.GetSnapshot(snapshot.Id));
        var spec = new VolumeSpec { Name = "copy", Source = new ContentSource(ContentSourceKind.Snapshot, snapshot.Id) };
        await Refusal.OfAsync(StorageErrorKind.OutOfRange, () => storage.Manager.CreateVolumeAsync(spec with { Size = new SizeRange(0, 30 * MiB) }, default));
        await Refusal.OfAsync(StorageErrorKind.InvalidArgument, () => storage.Manager.CreateVolumeAsync(spec with { Access = AccessType.Block }, default));
        await Refusal.OfAsync(StorageErrorKind.InvalidArgument, () => storage.Manager.CreateVolumeAsync(spec with { FileSystem = "xfs" }, default));
        await Refusal.OfAsync(StorageErrorKind.InvalidArgument, () => storage.Manager.CreateVolumeAsync(spec with { Pool = "dram" }, default));
        VolumeInfo copy = await storage.Manager.CreateVolumeAsync(spec, default);
        Assert.Equal((32 * MiB, spec.Source), (copy.CapacityBytes, copy.Source));

        await Refusal.OfAsync(StorageErrorKind.AlreadyExists, () => storage.Manager.CreateSnapshotAsync("s", copy.Id, default));
        await Refusal.OfAsync(StorageErrorKind.NotFound, () => storage.Manager.CreateSnapshotAsync("t", "cscm-none", default));
        await Refusal.OfAsync(StorageErrorKind.InvalidArgument, () => storage.Manager.CreateSnapshotAsync("", source.Id, default));
        string advice = await Refusal.OfAsync(StorageErrorKind.FailedPrecondition, () => storage.Manager.CreateSnapshotAsync("t", dram.Id, default));
        Assert.Contains("kind file", advice, StringComparison.Ordinal);

        // Copies owe nothing to what they were copied from.
        await storage.Manager.DeleteVolumeAsync(source.Id, default);
        await storage.Manager.DeleteSnapshotAsync(snapshot.Id, default);
        await storage.Manager.DeleteSnapshotAsync(snapshot.Id, default);
        await storage.StageAsync(copy);
        Assert.Empty(storage.Manager.ListSnapshots());
    }

    [Fact]
    public async Task A_full_pool_refuses_a_snapshot_without_a_trace()
    {
        await using StorageFixture storage = await StorageFixture.OpenAsync(StorageFixture.FilePool(100 * MiB));
        VolumeInfo a = await storage.CreateAsync("a", 40 * MiB, access: AccessType.Block), b = await storage.CreateAsync("b", 40 * MiB, access: AccessType.Block);
        await Refusal.OfAsync(StorageErrorKind.ResourceExhausted, () => storage.Manager.CreateSnapshotAsync("s", a.Id, default));
        await Refusal.OfAsync(StorageErrorKind.ResourceExhausted, () => storage.Manager.CreateGroupSnapshotAsync("g", [a.Id, b.Id], default));
        Assert.Equal(20 * MiB, storage.Manager.GetCapacity("file", AccessType.Block, null).AvailableBytes);
        await storage.Manager.DeleteVolumeAsync(a.Id, default);
        await storage.Manager.CreateSnapshotAsync("s", b.Id, default);
    }

    [Fact]
    public async Task A_group_is_of_one_moment()
    {
        await using StorageFixture storage = await StorageFixture.OpenAsync(StorageFixture.FilePool(4096 * MiB));
        VolumeInfo first = await storage.CreateAsync("first"), second = await storage.CreateAsync("second", fileSystem: "xfs");
        string firstPath = await storage.StageAsync(first), secondPath = await storage.StageAsync(second);
        using var stop = new CancellationTokenSource();
        // Each number is in the first volume before it is in the second.
        Task writer = Task.Run(() =>
        {
            for (int i = 1; !stop.IsCancellationRequested; i++)
            {
                File.AppendAllText(firstPath + "/numbers", $"{i}\n");
                File.AppendAllText(secondPath + "/numbers", $"{i}\n");
            }
        });
        var groups = new List<GroupSnapshotInfo>();
        for (int i = 0; i < 3; i++)
        {
            await Task.Delay(50);
            groups.Add(await storage.Manager.CreateGroupSnapshotAsync($"g{i}", [first.Id, second.Id], default));
        }
        await stop.CancelAsync();
        await writer;

        foreach (GroupSnapshotInfo group in groups)
        {
            long inFirst = await LastNumberAsync(storage, group, first), inSecond = await LastNumberAsync(storage, group, second);
            Assert.True(inFirst > 0 && inFirst - inSecond is 0 or 1, $"{inFirst} in the first, {inSecond} in the second");
        }
    }

    [Fact]
    public async Task A_group_is_created_listed_and_deleted_as_one()
    {
        await using StorageFixture storage = await StorageFixture.OpenAsync();
        VolumeInfo a = await storage.CreateAsync("a"), b = await storage.CreateAsync("b"), dram = await storage.CreateAsync("d", pool: "dram");
        GroupSnapshotInfo group = await storage.Manager.CreateGroupSnapshotAsync("g", [a.Id, b.Id], default);
        Assert.Equal(group.Id, (await storage.Manager.CreateGroupSnapshotAsync("g", [b.Id, a.Id], default)).Id);
        await storage.RestartAsync();
        Assert.Equal(group.Snapshots, storage.Manager.GetGroupSnapshot(group.Id).Snapshots);
        Assert.All(storage.Manager.ListSnapshots(), snapshot => Assert.Equal(group.Id, snapshot.GroupId));
        string[] ids = [.. group.Snapshots.Select(snapshot => snapshot.Id)];

        await Refusal.OfAsync(StorageErrorKind.AlreadyExists, () => storage.Manager.CreateGroupSnapshotAsync("g", [a.Id], default));
        await Refusal.OfAsync(StorageErrorKind.InvalidArgument, () => storage.Manager.CreateGroupSnapshotAsync("h", [], default));
        await Refusal.OfAsync(StorageErrorKind.InvalidArgument, () => storage.Manager.CreateGroupSnapshotAsync("h", [a.Id, a.Id], default));
        await Refusal.OfAsync(StorageErrorKind.InvalidArgument, () => storage.Manager.CreateGroupSnapshotAsync("", [a.Id], default));
        await Refusal.OfAsync(StorageErrorKind.NotFound, () => storage.Manager.CreateGroupSnapshotAsync("h", [a.Id, "cscm-none"], default));
        await Refusal.OfAsync(StorageErrorKind.FailedPrecondition, () => storage.Manager.CreateGroupSnapshotAsync("h", [a.Id, dram.Id], default));
        await Refusal.OfAsync(StorageErrorKind.InvalidArgument, () => storage.Manager.DeleteSnapshotAsync(ids[0], default));
        await Refusal.OfAsync(StorageErrorKind.InvalidArgument, () => storage.Manager.DeleteGroupSnapshotAsync(group.Id, [ids[0]], default));
        await Refusal.OfAsync(StorageErrorKind.InvalidArgument, () => storage.Manager.DeleteGroupSnapshotAsync(group.Id, [.. ids, "x"], default));

        VolumeInfo restored = await storage.CreateAsync("r", source: new ContentSource(ContentSourceKind.Snapshot, ids[0]));
        await storage.Manager.DeleteGroupSnapshotAsync(group.Id, ids, default);
        await storage.Manager.DeleteGroupSnapshotAsync(group.Id, ids, default);
        Assert.Empty(storage.Manager.ListSnapshots());
        foreach (VolumeInfo volume in new[] { a, b, dram, restored })
            await storage.Manager.DeleteVolumeAsync(volume.Id, default);
        VolumeTests.AssertEmpty(storage);
    }

    [Fact]
    public async Task Extents_tell_what_is_allocated_and_what_changed()
    {
        await using StorageFixture storage = await StorageFixture.OpenAsync();
        VolumeInfo volume = await storage.CreateAsync("data", 16 * MiB, access: AccessType.Block);
        await storage.StageAsync(volume);
        string target = await storage.PublishAsync(volume);
        WriteAt(target, 2 * MiB, 128 << 10, 1);
        SnapshotInfo before = await storage.Manager.CreateSnapshotAsync("before", volume.Id, default);
        WriteAt(target, 2 * MiB, 64 << 10, 2);
        WriteAt(target, 9 * MiB, 192 << 10, 3);
        SnapshotInfo after = await storage.Manager.CreateSnapshotAsync("after", volume.Id, default);

        BlockExtent[] allocated = [.. storage.Manager.ReadAllocatedExtents(after.Id, 0)];
        Assert.Equal([new BlockExtent(2 * MiB, 128 << 10), new BlockExtent(9 * MiB, 192 << 10)], allocated);
        Assert.Equal([new BlockExtent(9 * MiB, 192 << 10)], storage.Manager.ReadAllocatedExtents(after.Id, 3 * MiB));
        Assert.Equal([new BlockExtent(2 * MiB, 64 << 10), new BlockExtent(9 * MiB, 192 << 10)], storage.Manager.ReadChangedExtents(before.Id, after.Id, 0));
        Assert.Equal([new BlockExtent(9 * MiB, 192 << 10)], storage.Manager.ReadChangedExtents(before.Id, after.Id, 5 * MiB));
        Assert.Empty(storage.Manager.ReadChangedExtents(after.Id, after.Id, 0));

        VolumeInfo other = await storage.CreateAsync("other", access: AccessType.Block);
        SnapshotInfo foreign = await storage.Manager.CreateSnapshotAsync("foreign", other.Id, default);
        Assert.Equal(StorageErrorKind.InvalidArgument, Assert.Throws<StorageException>(() => storage.Manager.ReadChangedExtents(foreign.Id, after.Id, 0)).Kind);
        Assert.Equal(StorageErrorKind.OutOfRange, Assert.Throws<StorageException>(() => storage.Manager.ReadAllocatedExtents(after.Id, 17 * MiB)).Kind);
        Assert.Equal(StorageErrorKind.NotFound, Assert.Throws<StorageException>(() => storage.Manager.ReadAllocatedExtents("snap-none", 0)).Kind);
    }

    private static void WriteAt(string device, long offset, int sizeBytes, byte value)
    {
        using FileStream file = File.OpenWrite(device);
        file.Position = offset;
        file.Write([.. Enumerable.Repeat(value, sizeBytes)]);
        file.Flush(flushToDisk: true);
    }

    private static async Task<long> LastNumberAsync(StorageFixture storage, GroupSnapshotInfo group, VolumeInfo volume)
    {
        string snapshotId = group.Snapshots.Single(snapshot => snapshot.SourceVolumeId == volume.Id).Id;
        VolumeInfo copy = await storage.CreateAsync($"{group.Name}-{volume.Name}", source: new ContentSource(ContentSourceKind.Snapshot, snapshotId));
        string path = await storage.StageAsync(copy);
        string[] lines = await File.ReadAllLinesAsync(path + "/numbers");
        Assert.Equal(Enumerable.Range(1, lines.Length).Select(i => i.ToString(System.Globalization.CultureInfo.InvariantCulture)), lines);
        return lines.Length;
    }
}
