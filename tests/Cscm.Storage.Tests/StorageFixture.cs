using Cscm.Storage.Linux;

namespace Cscm.Storage.Tests;

/// <summary>A storage host over a directory of its own; disposing it takes down every mount, loop device and file below.</summary>
internal sealed class StorageFixture : IAsyncDisposable
{
    public const long MiB = 1L << 20;

    private StorageHost? _host;

    private StorageFixture(IReadOnlyList<PoolOptions> pools, IStepObserver? steps)
    {
        Root = StoragePaths.NewDirectory();
        Pools = pools;
        Steps = steps ?? IStepObserver.None;
    }

    public string Root { get; }

    public string StateDirectory => Path.Combine(Root, "state");

    public IReadOnlyList<PoolOptions> Pools { get; set; }

    public IStepObserver Steps { get; set; }

    public List<string> Log { get; } = [];

    public IVolumeManager Manager => _host!.Manager;

    public IVolumePublisher Publisher => _host!.Publisher;

    public static PoolOptions FilePool(long sizeBytes = 2048 * MiB, string name = "file") => new() { Name = name, Kind = PoolKind.File, SizeBytes = sizeBytes };

    public static PoolOptions DramPool(long sizeBytes = 512 * MiB) => new() { Name = "dram", Kind = PoolKind.Dram, SizeBytes = sizeBytes };

    public static async Task<StorageFixture> OpenAsync(params PoolOptions[] pools)
    {
        var fixture = new StorageFixture(pools.Length > 0 ? pools : [FilePool(), DramPool()], null);
        await fixture.StartAsync();
        return fixture;
    }

    public async Task StartAsync()
        => _host = await StorageHost.OpenAsync(
            new StorageOptions { StateDirectory = StateDirectory, Pools = Pools }, Steps, TimeProvider.System, line =>
            {
                lock (Log)
                    Log.Add(line);
            });

    public void Stop()
    {
        _host?.Dispose();
        _host = null;
    }

    public async Task RestartAsync()
    {
        Stop();
        await StartAsync();
    }

    public string PathOf(string name) => Path.Combine(Root, name);

    public string NewDirectory(string name) => Directory.CreateDirectory(PathOf(name)).FullName;

    public async Task<VolumeInfo> CreateAsync(
        string name, long sizeBytes = 16 * MiB, string pool = "file", string? fileSystem = null, AccessType access = AccessType.Mount, ContentSource? source = null)
        => await Manager.CreateVolumeAsync(
            new VolumeSpec { Name = name, Pool = pool, FileSystem = fileSystem, Access = access, Size = new SizeRange(sizeBytes, 0), Source = source }, CancellationToken.None);

    /// <summary>Stages at a directory named after the volume.</summary>
    public async Task<string> StageAsync(VolumeInfo volume, MountOptions? options = null)
    {
        string path = NewDirectory("stage-" + volume.Name);
        await Publisher.StageAsync(new StageRequest(volume.Id, path, options ?? new MountOptions { Access = volume.Access }), CancellationToken.None);
        return path;
    }

    public async Task<string> PublishAsync(VolumeInfo volume, string target = "target", bool isReadOnly = false, MountOptions? options = null)
    {
        string path = PathOf(target);
        await Publisher.PublishAsync(
            new PublishRequest(volume.Id, PathOf("stage-" + volume.Name), path, isReadOnly, options ?? new MountOptions { Access = volume.Access }), CancellationToken.None);
        return path;
    }

    public async ValueTask DisposeAsync()
    {
        Stop();
        StoragePaths.TakeDown(Root);
        await Task.CompletedTask;
    }
}

internal static class StoragePaths
{
    public static string NewDirectory()
    {
        string path = Path.Combine("/tmp", "cscm-storage-" + Guid.NewGuid().ToString("N")[..12]);
        Directory.CreateDirectory(path);
        return path;
    }

    /// <summary>Everything below a directory that would outlive its removal.</summary>
    public static IReadOnlyList<string> FindLeaks(string root) =>
    [
        .. MountTable.Read().Where(mount => mount.MountPoint.StartsWith(root + "/", StringComparison.Ordinal)).Select(mount => "mount " + mount.MountPoint),
        .. LoopDevice.ListAttached().Where(device => device.BackingFile.StartsWith(root + "/", StringComparison.Ordinal)).Select(device => $"{device.Device} on {device.BackingFile}"),
    ];

    public static void TakeDown(string root)
    {
        foreach (MountEntry mount in MountTable.Read().Where(mount => mount.MountPoint.StartsWith(root + "/", StringComparison.Ordinal)).Reverse())
            Mounts.Unmount(mount.MountPoint, detach: true);
        foreach ((string device, string file) in LoopDevice.ListAttached())
        {
            if (file.StartsWith(root + "/", StringComparison.Ordinal))
                LoopDevice.Detach(device);
        }
        Directory.Delete(root, recursive: true);
    }
}
