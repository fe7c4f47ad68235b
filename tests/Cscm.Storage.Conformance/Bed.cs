using Cscm.Storage.Regions;

namespace Cscm.Storage.Conformance;

/// <summary>One pool under test: a host over it, the calls that scenarios are made of, and its deaths. For one scenario at a time.</summary>
public sealed class Bed : IAsyncDisposable
{
    public const long MiB = 1L << 20;

    private readonly List<string> _log = [];
    private readonly string _root;
    private readonly DaxPolicy? _dax;
    private StorageHost? _host;
    private Death _death = new();
    private int _names;

    private Bed(PoolOptions pool, string root, DaxPolicy? dax) => (Options, _root, _dax) = (pool, root, dax);

    public PoolOptions Options { get; }

    public IVolumeManager Manager => Host.Manager;

    public IVolumePublisher Publisher => Host.Publisher;

    public PoolInfo Pool => Manager.ListPools().Single();

    /// <summary>Of which kind the medium is: what a volume of this pool takes of it at least.</summary>
    public long SmallBytes => Math.Max(16 * MiB, Pool.Capacity.MinimumVolumeBytes);

    /// <summary>The device that all of the pool lies on.</summary>
    public string Medium => Options.Sources.Single() is { Kind: PoolSourceKind.Device } source
        ? source.Name
        : "/dev/" + new RegionReader().Read().Regions.SelectMany(region => region.Namespaces).Single(item => item.AlternativeName == Options.Sources.Single().Name).BlockDevice;

    private StorageHost Host => _host ?? throw new InvalidOperationException("the host is not open");

    /// <param name="pool">The pool.</param>
    /// <param name="root">A directory for state, stages and targets.</param>
    /// <param name="dax">What volumes ask for whose scenario does not say.</param>
    public static async Task<Bed> OpenAsync(PoolOptions pool, string root, DaxPolicy? dax = null)
    {
        var bed = new Bed(pool, root, dax);
        await bed.StartAsync();
        return bed;
    }

    /// <summary>A name that no other volume of this run has.</summary>
    public string NewName() => $"conformance-{++_names}";

    public string PathOf(string name) => Path.Combine(_root, name);

    public Task<VolumeInfo> CreateAsync(
        string? name = null, long sizeBytes = 0, ContentSource? source = null, AccessType access = AccessType.Mount, VolumeSettings? settings = null)
        => Manager.CreateVolumeAsync(
            new VolumeSpec
            {
                Name = name ?? NewName(),
                Pool = Options.Name,
                Access = access,
                Source = source,
                Settings = settings ?? new VolumeSettings { Dax = _dax },
                Size = new SizeRange(sizeBytes > 0 ? sizeBytes : SmallBytes, 0),
            },
            CancellationToken.None);

    public async Task<string> StageAsync(VolumeInfo volume, MountOptions? options = null)
    {
        Directory.CreateDirectory(PathOf("stages"));
        string path = PathOf("stages/" + volume.Id);
        await Publisher.StageAsync(new StageRequest(volume.Id, path, options ?? new MountOptions { Access = volume.Access }), CancellationToken.None);
        return path;
    }

    /// <summary>Stages a volume that is not, and publishes it.</summary>
    /// <returns>The target path.</returns>
    public async Task<string> PublishAsync(VolumeInfo volume, string target = "target", bool isReadOnly = false)
    {
        string stage = await StageAsync(volume);
        Directory.CreateDirectory(PathOf("targets"));
        string path = PathOf($"targets/{volume.Id}-{target}");
        await Publisher.PublishAsync(new PublishRequest(volume.Id, stage, path, isReadOnly, new MountOptions { Access = volume.Access }), CancellationToken.None);
        return path;
    }

    /// <summary>Unpublishes and unstages a volume wherever it is.</summary>
    public async Task TakeDownAsync(string volumeId)
    {
        VolumeInfo volume = Manager.GetVolume(volumeId);
        foreach (string target in volume.TargetPaths)
            await Publisher.UnpublishAsync(volumeId, target, CancellationToken.None);
        if (volume.StagingPath is { } stage)
            await Publisher.UnstageAsync(volumeId, stage, CancellationToken.None);
    }

    public async Task DeleteAsync(VolumeInfo volume)
    {
        await TakeDownAsync(volume.Id);
        await Manager.DeleteVolumeAsync(volume.Id, CancellationToken.None);
    }

    /// <summary>Waits until the space of all that was deleted is clean.</summary>
    public Task SettleAsync() => Host.WhenErasedAsync(CancellationToken.None).WaitAsync(TimeSpan.FromMinutes(10));

    public async Task RestartAsync()
    {
        Stop();
        await StartAsync();
    }

    /// <summary>Performs a call with a host that dies at a step; then starts over what it left.</summary>
    /// <returns>The step before which it died; null if the call had no more steps than that.</returns>
    public async Task<string?> DieAtAsync(int step, Func<Task> call)
    {
        _death.Arm(step);
        try
        {
            await call();
        }
        catch (Exception) when (_death.DiedBefore is not null)
        {
            // As intended: nothing of the call is left but what it did.
        }
        string? diedBefore = _death.DiedBefore;
        if (diedBefore is null)
            _death.Arm(-1);
        else
            await RestartAsync();
        return diedBefore;
    }

    /// <summary>Removes all there is, by calls only, and waits for the erasure.</summary>
    public async Task CleanUpAsync()
    {
        foreach (VolumeInfo volume in Manager.ListVolumes())
            await DeleteAsync(volume);
        foreach (IGrouping<string, SnapshotInfo> group in Manager.ListSnapshots().GroupBy(snapshot => snapshot.GroupId).ToArray())
        {
            if (group.Key.Length > 0)
                await Manager.DeleteGroupSnapshotAsync(group.Key, [.. group.Select(member => member.Id)], CancellationToken.None);
            foreach (SnapshotInfo snapshot in group.Key.Length > 0 ? [] : group.ToArray())
                await Manager.DeleteSnapshotAsync(snapshot.Id, CancellationToken.None);
        }
        await SettleAsync();
    }

    /// <summary>What the driver said since the last call.</summary>
    public IReadOnlyList<string> TakeLog()
    {
        lock (_log)
        {
            string[] lines = [.. _log];
            _log.Clear();
            return lines;
        }
    }

    public ValueTask DisposeAsync()
    {
        Stop();
        return ValueTask.CompletedTask;
    }

    private async Task StartAsync()
    {
        _death = new Death();
        _host = await StorageHost.OpenAsync(
            new StorageOptions { StateDirectory = PathOf("state"), Pools = [Options] }, _death, TimeProvider.System, line =>
            {
                lock (_log)
                    _log.Add(line);
            });
    }

    private void Stop()
    {
        _host?.Dispose();
        _host = null;
    }
}
