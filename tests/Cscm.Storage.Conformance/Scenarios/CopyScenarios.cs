using System.IO.MemoryMappedFiles;
using System.Runtime.InteropServices;

namespace Cscm.Storage.Conformance;

/// <summary>Snapshots, clones and groups.</summary>
internal static partial class CopyScenarios
{
    public static IReadOnlyList<Scenario> All { get; } =
    [
        new("a_snapshot_keeps_what_its_volume_then_loses", Traits.Snapshots, SnapshotAsync),
        new("a_clone_and_its_source_go_separate_ways", Traits.Snapshots, CloneAsync),
        new("a_snapshot_can_be_taken_while_the_volume_is_written", Traits.Snapshots, WhileWritingAsync),
        new("a_snapshot_can_be_taken_while_the_volume_is_mapped_and_stored_to", Traits.Snapshots, WhileMappedAsync),
        new("a_group_snapshot_is_of_one_moment", Traits.Snapshots, GroupAsync),
    ];

    private static async Task SnapshotAsync(Bed bed)
    {
        VolumeInfo volume = await bed.CreateAsync();
        string target = await bed.PublishAsync(volume);
        await WriteAsync(target, "first");
        string name = bed.NewName();
        SnapshotInfo snapshot = await bed.Manager.CreateSnapshotAsync(name, volume.Id, CancellationToken.None);
        Require.Equal(snapshot.Id, (await bed.Manager.CreateSnapshotAsync(name, volume.Id, CancellationToken.None)).Id);
        await WriteAsync(target, "second");
        VolumeInfo restored = await bed.CreateAsync(source: new ContentSource(ContentSourceKind.Snapshot, snapshot.Id));
        Require.Equal("first", await ReadAsync(await bed.PublishAsync(restored)));
        Require.Equal("second", await ReadAsync(target));
        await bed.DeleteAsync(volume);
        Require.Equal("first", await ReadAsync(bed.Manager.GetVolume(restored.Id).TargetPaths.Single()));
        await bed.Manager.DeleteSnapshotAsync(snapshot.Id, CancellationToken.None);
        await bed.SettleAsync();
        Require.Equal("first", await ReadAsync(bed.Manager.GetVolume(restored.Id).TargetPaths.Single()));
        await bed.DeleteAsync(restored);
    }

    private static async Task CloneAsync(Bed bed)
    {
        VolumeInfo volume = await bed.CreateAsync();
        string target = await bed.PublishAsync(volume);
        await WriteAsync(target, "common");
        VolumeInfo clone = await bed.CreateAsync(source: new ContentSource(ContentSourceKind.Volume, volume.Id));
        string cloned = await bed.PublishAsync(clone);
        await WriteAsync(cloned, "of the clone");
        Require.Equal("common", await ReadAsync(target));
        await bed.DeleteAsync(volume);
        await bed.SettleAsync();
        Require.Equal("of the clone", await ReadAsync(cloned));
        await bed.DeleteAsync(clone);
    }

    private static Task WhileWritingAsync(Bed bed) => WhileCountingAsync(bed, CountUp);

    private static Task WhileMappedAsync(Bed bed) => WhileCountingAsync(bed, CountUpInMemory);

    /// <summary>A writer counts up, in two files in turn: in a snapshot the second is never ahead, and at most one behind.</summary>
    private static async Task WhileCountingAsync(Bed bed, Action<string, CancellationToken> countUp)
    {
        VolumeInfo volume = await bed.CreateAsync();
        string target = await bed.PublishAsync(volume);
        using var stop = new CancellationTokenSource();
        Task writer = Task.Run(() => countUp(target, stop.Token));
        try
        {
            for (int i = 0; i < 3; i++)
            {
                await Task.Delay(20);
                SnapshotInfo snapshot = await bed.Manager.CreateSnapshotAsync(bed.NewName(), volume.Id, CancellationToken.None);
                VolumeInfo restored = await bed.CreateAsync(source: new ContentSource(ContentSourceKind.Snapshot, snapshot.Id));
                string path = await bed.PublishAsync(restored);
                long first = ReadCount(path, "first"), second = ReadCount(path, "second");
                Require.That(first - second is 0 or 1, $"the snapshot holds {first} and {second}, which never stood beside each other");
                await bed.DeleteAsync(restored);
                await bed.Manager.DeleteSnapshotAsync(snapshot.Id, CancellationToken.None);
            }
        }
        finally
        {
            await stop.CancelAsync();
            await writer;
        }
        await bed.DeleteAsync(volume);
    }

    private static async Task GroupAsync(Bed bed)
    {
        VolumeInfo[] volumes = [await bed.CreateAsync(), await bed.CreateAsync()];
        string[] targets = [await bed.PublishAsync(volumes[0]), await bed.PublishAsync(volumes[1])];
        await WriteAsync(targets[0], "one");
        await WriteAsync(targets[1], "two");
        GroupSnapshotInfo group = await bed.Manager.CreateGroupSnapshotAsync(bed.NewName(), [volumes[0].Id, volumes[1].Id], CancellationToken.None);
        await WriteAsync(targets[0], "later");
        SnapshotInfo member = group.Snapshots.Single(snapshot => snapshot.SourceVolumeId == volumes[0].Id);
        VolumeInfo restored = await bed.CreateAsync(source: new ContentSource(ContentSourceKind.Snapshot, member.Id));
        Require.Equal("one", await ReadAsync(await bed.PublishAsync(restored)));
        await bed.DeleteAsync(restored);
        await bed.Manager.DeleteGroupSnapshotAsync(group.Id, [.. group.Snapshots.Select(snapshot => snapshot.Id)], CancellationToken.None);
        foreach (VolumeInfo volume in volumes)
            await bed.DeleteAsync(volume);
    }

    private static Task WriteAsync(string directory, string text) => File.WriteAllTextAsync(Path.Combine(directory, "record"), text);

    private static Task<string> ReadAsync(string directory) => File.ReadAllTextAsync(Path.Combine(directory, "record"));

    private static void CountUp(string directory, CancellationToken stop)
    {
        using var first = new FileStream(Path.Combine(directory, "first"), FileMode.Create, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
        using var second = new FileStream(Path.Combine(directory, "second"), FileMode.Create, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
        for (long count = 1; !stop.IsCancellationRequested; count++)
        {
            foreach (FileStream file in new[] { first, second })
            {
                file.Position = 0;
                file.Write(BitConverter.GetBytes(count));
            }
        }
    }

    /// <summary>By stores alone, to files of 4 MiB.</summary>
    private static unsafe void CountUpInMemory(string directory, CancellationToken stop)
    {
        using MemoryMappedFile first = Map("first"), second = Map("second");
        using MemoryMappedViewAccessor firstView = first.CreateViewAccessor(), secondView = second.CreateViewAccessor();
        byte* one = null, other = null;
        firstView.SafeMemoryMappedViewHandle.AcquirePointer(ref one);
        secondView.SafeMemoryMappedViewHandle.AcquirePointer(ref other);
        for (long count = 1; !stop.IsCancellationRequested; count++)
        {
            // By native code: the collector, which the thawing thread may wait for, does not wait for a fault in it.
            CopyMemory(one, &count, sizeof(long));
            CopyMemory(other, &count, sizeof(long));
        }
        secondView.SafeMemoryMappedViewHandle.ReleasePointer();
        firstView.SafeMemoryMappedViewHandle.ReleasePointer();

        MemoryMappedFile Map(string name) => MemoryMappedFile.CreateFromFile(Path.Combine(directory, name), FileMode.Create, null, 4 * Bed.MiB);
    }

    [LibraryImport("libc", EntryPoint = "memcpy")]
    private static unsafe partial void* CopyMemory(void* to, void* from, nuint sizeBytes);

    private static long ReadCount(string directory, string name)
    {
        string path = Path.Combine(directory, name);
        byte[] bytes = File.Exists(path) ? File.ReadAllBytes(path) : [];
        return bytes.Length >= sizeof(long) ? BitConverter.ToInt64(bytes) : 0;
    }
}
