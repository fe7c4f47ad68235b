namespace Cscm.Storage.CrashHost;

/// <summary>A storage host over a directory, and the calls that scenarios are made of.</summary>
internal sealed class Bench(string root, StorageHost host)
{
    public const long MiB = 1L << 20;
    public const long FilePoolBytes = 4096 * MiB, DramPoolBytes = 256 * MiB;

    public IVolumeManager Manager => host.Manager;

    public IVolumePublisher Publisher => host.Publisher;

    public static async Task<Bench> OpenAsync(string root, IStepObserver steps)
    {
        var options = new StorageOptions
        {
            StateDirectory = Path.Combine(root, "state"),
            Pools =
            [
                new PoolOptions { Name = "file", Kind = PoolKind.File, SizeBytes = FilePoolBytes },
                new PoolOptions { Name = "dram", Kind = PoolKind.Dram, SizeBytes = DramPoolBytes },
            ],
        };
        return new Bench(root, await StorageHost.OpenAsync(options, steps, TimeProvider.System, line => Console.Out.WriteLine("log: " + line)));
    }

    public string PathOf(string name) => Path.Combine(root, name);

    public Task<VolumeInfo> CreateAsync(
        string name, string pool = "file", string? fileSystem = null, AccessType access = AccessType.Mount, long sizeBytes = 8 * MiB, ContentSource? source = null)
        => Manager.CreateVolumeAsync(
            new VolumeSpec { Name = name, Pool = pool, FileSystem = fileSystem, Access = access, Size = new SizeRange(sizeBytes, 0), Source = source }, CancellationToken.None);

    public async Task StageAsync(string name, string mountGroup = "")
    {
        VolumeInfo volume = Find(name);
        // A block volume puts nothing there, so the orchestrator's directory is all there is.
        Directory.CreateDirectory(PathOf("stages"));
        await Publisher.StageAsync(
            new StageRequest(volume.Id, StageOf(name), new MountOptions { Access = volume.Access, MountGroup = mountGroup }), CancellationToken.None);
    }

    public Task UnstageAsync(string name) => Publisher.UnstageAsync(IdOf(name), StageOf(name), CancellationToken.None);

    public async Task PublishAsync(string name, string target = "target", bool isReadOnly = false)
    {
        Directory.CreateDirectory(PathOf("targets"));
        await Publisher.PublishAsync(
            new PublishRequest(Find(name).Id, StageOf(name), TargetOf(target), isReadOnly, new MountOptions { Access = Find(name).Access }), CancellationToken.None);
    }

    public async Task PublishEphemeralAsync(string id, string pool)
    {
        Directory.CreateDirectory(PathOf("targets"));
        var spec = new VolumeSpec { Name = id, Pool = pool, Size = new SizeRange(8 * MiB, 0) };
        await Publisher.PublishAsync(
            new PublishRequest(id, "", TargetOf("target"), false, new MountOptions { MountGroup = "4321" }) { Ephemeral = spec }, CancellationToken.None);
    }

    public Task UnpublishAsync(string id, string target = "target") => Publisher.UnpublishAsync(id, TargetOf(target), CancellationToken.None);

    public Task<SnapshotInfo> SnapshotAsync(string name, string volume) => Manager.CreateSnapshotAsync(name, IdOf(volume), CancellationToken.None);

    public async Task WriteAsync(string name, string text) => await File.WriteAllTextAsync(Path.Combine(StageOf(name), "record"), text);

    /// <summary>Mounts a volume for a moment and checks what was written to it, or to what it was copied from.</summary>
    public async Task RequireContentAsync(string name, string text, long atLeastBytes = 0)
    {
        await StageAsync(name);
        string found = await File.ReadAllTextAsync(Path.Combine(StageOf(name), "record"));
        if (found != text)
            throw new InvalidOperationException($"volume {name} holds '{found}' instead of '{text}'");
        VolumeStats stats = await Publisher.GetStatsAsync(IdOf(name), StageOf(name), CancellationToken.None);
        // A little is in use.
        if (stats.AvailableBytes + stats.UsedBytes < atLeastBytes)
            throw new InvalidOperationException($"volume {name} offers {stats} of {atLeastBytes} bytes");
        await UnstageAsync(name);
    }

    public string StageOf(string name) => PathOf("stages/" + name);

    public string TargetOf(string name) => PathOf("targets/" + name);

    public VolumeInfo Find(string name) => Manager.ListVolumes().Single(volume => volume.Name == name);

    /// <summary>A volume's id, whether or not it exists: it depends on the name alone.</summary>
    public string IdOf(string name) => Manager.ListVolumes().FirstOrDefault(volume => volume.Name == name)?.Id ?? name;

    /// <summary>Removes all there is, by calls only.</summary>
    public async Task TakeDownAsync()
    {
        foreach (VolumeInfo volume in Manager.ListVolumes())
        {
            foreach (string target in volume.TargetPaths)
                await Publisher.UnpublishAsync(volume.Id, target, CancellationToken.None);
            // An ephemeral volume that lost its mount: the orchestrator unpublishes it all the same.
            if (volume.IsEphemeral)
                await Publisher.UnpublishAsync(volume.Id, TargetOf("target"), CancellationToken.None);
            if (volume.StagingPath is not null)
                await Publisher.UnstageAsync(volume.Id, volume.StagingPath, CancellationToken.None);
            await Manager.DeleteVolumeAsync(volume.Id, CancellationToken.None);
        }
        foreach (IGrouping<string, SnapshotInfo> group in Manager.ListSnapshots().GroupBy(snapshot => snapshot.GroupId).ToArray())
        {
            if (group.Key.Length > 0)
            {
                await Manager.DeleteGroupSnapshotAsync(group.Key, [.. group.Select(member => member.Id)], CancellationToken.None);
                continue;
            }
            foreach (SnapshotInfo snapshot in group)
                await Manager.DeleteSnapshotAsync(snapshot.Id, CancellationToken.None);
        }
    }
}
