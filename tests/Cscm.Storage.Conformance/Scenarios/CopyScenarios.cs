using System.IO.MemoryMappedFiles;
using System.Runtime.InteropServices;

namespace Cscm.Storage.Conformance;

/// <summary>Snapshots, clones and groups.</summary>
internal static partial class CopyScenarios
{
    /// <summary>One extent: what copying on write takes of a volume's limit beside it is no more than that.</summary>
    private const long CountedBytes = 2 * Bed.MiB;

    /// <summary>What can go wrong by chance is tried so often, each time as a scenario of its own: on namespaces one makes six of them, and zeroes as many.</summary>
    private const int Rounds = 3;

    private static readonly long[] s_places = [0, CountedBytes - sizeof(long)];

    public static IReadOnlyList<Scenario> All { get; } =
    [
        new("a_snapshot_keeps_what_its_volume_then_loses", Traits.Snapshots, SnapshotAsync),
        new("a_clone_and_its_source_go_separate_ways", Traits.Snapshots, CloneAsync),
        new("a_volume_at_rest_is_copied", Traits.Snapshots, AtRestAsync),
        .. Enumerable.Range(1, Rounds).SelectMany(TakeWhileCounting),
    ];

    private static IEnumerable<Scenario> TakeWhileCounting(int round) =>
    [
        new($"a_snapshot_can_be_taken_while_the_volume_is_written_{round}_of_{Rounds}", Traits.Snapshots, bed => WhileCountingAsync(bed, volumes: 1, CountUp)),
        new($"a_snapshot_can_be_taken_while_the_volume_is_mapped_and_stored_to_{round}_of_{Rounds}", Traits.Snapshots, bed => WhileCountingAsync(bed, volumes: 1, CountUpInMemory)),
        new($"a_group_snapshot_is_of_one_moment_{round}_of_{Rounds}", Traits.Snapshots, bed => WhileCountingAsync(bed, volumes: 2, CountUp)),
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

    private static async Task AtRestAsync(Bed bed)
    {
        VolumeInfo volume = await bed.CreateAsync();
        await WriteAsync(await bed.PublishAsync(volume), "at rest");
        await bed.TakeDownAsync(volume.Id);
        SnapshotInfo snapshot = await bed.Manager.CreateSnapshotAsync(bed.NewName(), volume.Id, CancellationToken.None);
        VolumeInfo clone = await bed.CreateAsync(source: new ContentSource(ContentSourceKind.Volume, volume.Id));
        VolumeInfo restored = await bed.CreateAsync(source: new ContentSource(ContentSourceKind.Snapshot, snapshot.Id));
        await bed.DeleteAsync(volume);
        await bed.Manager.DeleteSnapshotAsync(snapshot.Id, CancellationToken.None);
        await bed.SettleAsync();
        foreach (VolumeInfo copy in new[] { clone, restored })
        {
            Require.Equal("at rest", await ReadAsync(await bed.PublishAsync(copy)));
            await bed.DeleteAsync(copy);
        }
    }

    /// <summary>
    /// A writer counts up at four places in turn, at both ends of two files, which are in one volume or in two. In a snapshot, or in a group of
    /// them, no place is ahead of the one before it, and the last at most one behind the first. The ends are megabytes apart, however the
    /// files lie: a copy that is not of one moment takes long enough between them for the writer to go round many times.
    /// </summary>
    private static async Task WhileCountingAsync(Bed bed, int volumes, Action<string, string, CancellationToken> countUp)
    {
        var sources = new List<VolumeInfo>();
        var targets = new List<string>();
        for (int i = 0; i < volumes; i++)
        {
            sources.Add(await bed.CreateAsync());
            targets.Add(await bed.PublishAsync(sources[i]));
        }
        using var stop = new CancellationTokenSource();
        Task writer = Task.Run(() => countUp(targets[0], targets[^1], stop.Token));
        try
        {
            while (!writer.IsCompleted && ReadCounts(targets[0], "first")[0] == 0)
                await Task.Delay(5);
            // A copy that shares blocks leaves its mark on the source, which the next one meets; a full copy does not.
            for (int i = 0; i < (bed.Options.Kind is PoolKind.Xfs or PoolKind.File ? Rounds : 1); i++)
            {
                await Task.Delay(20);
                await CompareAsync(bed, sources);
            }
        }
        finally
        {
            await stop.CancelAsync();
            await writer;
        }
        foreach (VolumeInfo source in sources)
            await bed.DeleteAsync(source);
    }

    private static async Task CompareAsync(Bed bed, List<VolumeInfo> sources)
    {
        GroupSnapshotInfo? group = sources.Count == 1 ? null
            : await bed.Manager.CreateGroupSnapshotAsync(bed.NewName(), [.. sources.Select(source => source.Id)], CancellationToken.None);
        IReadOnlyList<SnapshotInfo> snapshots = group?.Snapshots ?? [await bed.Manager.CreateSnapshotAsync(bed.NewName(), sources[0].Id, CancellationToken.None)];
        var copies = new List<VolumeInfo>();
        var paths = new List<string>();
        foreach (VolumeInfo source in sources)
        {
            SnapshotInfo snapshot = snapshots.Single(member => member.SourceVolumeId == source.Id);
            copies.Add(await bed.CreateAsync(source: new ContentSource(ContentSourceKind.Snapshot, snapshot.Id)));
            paths.Add(await bed.PublishAsync(copies[^1]));
        }
        long[] counts = [.. ReadCounts(paths[0], "first"), .. ReadCounts(paths[^1], "second")];
        bool isOfOneMoment = counts[0] > 0 && counts[0] - counts[^1] is 0 or 1 && counts.Zip(counts.Skip(1)).All(pair => pair.First >= pair.Second);
        Require.That(isOfOneMoment, $"the snapshot holds {string.Join(", ", counts)}, which never stood beside each other");
        foreach (VolumeInfo copy in copies)
            await bed.DeleteAsync(copy);
        if (group is null)
            await bed.Manager.DeleteSnapshotAsync(snapshots[0].Id, CancellationToken.None);
        else
            await bed.Manager.DeleteGroupSnapshotAsync(group.Id, [.. snapshots.Select(snapshot => snapshot.Id)], CancellationToken.None);
    }

    private static Task WriteAsync(string directory, string text) => File.WriteAllTextAsync(Path.Combine(directory, "record"), text);

    private static Task<string> ReadAsync(string directory) => File.ReadAllTextAsync(Path.Combine(directory, "record"));

    private static void CountUp(string firstDirectory, string secondDirectory, CancellationToken stop)
    {
        using FileStream first = Allocate(firstDirectory, "first"), second = Allocate(secondDirectory, "second");
        for (long count = 1; !stop.IsCancellationRequested; count++)
        {
            foreach (FileStream file in new[] { first, second })
            {
                foreach (long place in s_places)
                {
                    file.Position = place;
                    file.Write(BitConverter.GetBytes(count));
                }
            }
        }
    }

    /// <summary>By stores alone.</summary>
    private static unsafe void CountUpInMemory(string firstDirectory, string secondDirectory, CancellationToken stop)
    {
        using MemoryMappedFile first = Map(firstDirectory, "first"), second = Map(secondDirectory, "second");
        using MemoryMappedViewAccessor firstView = first.CreateViewAccessor(), secondView = second.CreateViewAccessor();
        byte* one = null, other = null;
        firstView.SafeMemoryMappedViewHandle.AcquirePointer(ref one);
        secondView.SafeMemoryMappedViewHandle.AcquirePointer(ref other);
        for (long count = 1; !stop.IsCancellationRequested; count++)
        {
            // By native code: the collector, which the thawing thread may wait for, does not wait for a fault in it.
            foreach (long place in s_places)
                CopyMemory(one + place, &count, sizeof(long));
            foreach (long place in s_places)
                CopyMemory(other + place, &count, sizeof(long));
        }
        secondView.SafeMemoryMappedViewHandle.ReleasePointer();
        firstView.SafeMemoryMappedViewHandle.ReleasePointer();

        MemoryMappedFile Map(string directory, string name)
        {
            Allocate(directory, name).Dispose();
            return MemoryMappedFile.CreateFromFile(Path.Combine(directory, name), FileMode.Open);
        }
    }

    /// <summary>A file with blocks of its own from end to end: the writer allocates none.</summary>
    private static FileStream Allocate(string directory, string name)
    {
        var file = new FileStream(Path.Combine(directory, name), new FileStreamOptions
        {
            Mode = FileMode.Create,
            Access = FileAccess.ReadWrite,
            Share = FileShare.ReadWrite,
            BufferSize = 0,
            PreallocationSize = CountedBytes,
        });
        file.SetLength(CountedBytes);
        return file;
    }

    [LibraryImport("libc", EntryPoint = "memcpy")]
    private static unsafe partial void* CopyMemory(void* to, void* from, nuint sizeBytes);

    /// <summary>The counts at both ends of a file; zeros while it is being made.</summary>
    private static long[] ReadCounts(string directory, string name)
    {
        string path = Path.Combine(directory, name);
        if (!File.Exists(path))
            return [0, 0];
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0);
        byte[] bytes = new byte[sizeof(long)];
        return [.. s_places.Select(place =>
        {
            file.Position = place;
            return file.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false) == bytes.Length ? BitConverter.ToInt64(bytes) : 0;
        })];
    }
}
