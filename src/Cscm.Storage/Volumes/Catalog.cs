using Cscm.Storage.Pools;
using Cscm.Storage.State;

namespace Cscm.Storage.Volumes;

/// <summary>What every room of the storage shares: the records, the pools, and who holds what. Thread-safe.</summary>
internal sealed class Catalog(StateDirectory state, IReadOnlyList<IScmPool> pools, IStepObserver steps, TimeProvider time, Action<string> log)
{
    public StateDirectory State => state;

    public IReadOnlyList<IScmPool> Pools => pools;

    public InFlight InFlight { get; } = new();

    public IStepObserver Steps => steps;

    public TimeProvider Time => time;

    public RecordTable<VolumeRecord> Volumes => state.Volumes;

    public void Log(string message) => log(message);

    /// <exception cref="StorageException">InvalidArgument: no such pool.</exception>
    public IScmPool RequirePool(string name)
        => FindPool(name) ?? throw new StorageException(
            StorageErrorKind.InvalidArgument, $"there is no pool {name} on this node: the pools are {string.Join(", ", pools.Select(pool => pool.Options.Name))}");

    /// <exception cref="StorageException">Unavailable: the pool of an existing object is no longer configured.</exception>
    public IScmPool PoolOf(string name, string id)
        => FindPool(name) ?? throw new StorageException(
            StorageErrorKind.Unavailable, $"pool {name} of {id} is not configured: add it to the driver's configuration and restart the driver");

    public IScmPool PoolOf(VolumeRecord volume) => PoolOf(volume.Pool, volume.Id);

    /// <summary>Keeps mounts out of the directories that the driver itself works in.</summary>
    /// <exception cref="StorageException">InvalidArgument.</exception>
    public void RequireForeign(string path, string noun)
    {
        if (path == state.Path || pools.Any(pool => IsWithin(path, pool.Directory)) || state.RecordDirectories.Any(directory => IsWithin(path, directory)))
            throw new StorageException(StorageErrorKind.InvalidArgument, $"{noun} {path} is one of the driver's own directories: give another path");
    }

    /// <summary>A volume that exists for callers; null if it does not, or is being made or removed.</summary>
    /// <exception cref="StorageException">DataLoss: its state is damaged.</exception>
    public VolumeRecord? FindVolume(string id)
    {
        VolumeRecord? volume = Volumes.Find(ObjectIds.KeyOf(id));
        return volume is { Phase: RecordPhase.Ready } && volume.Id == id ? volume : null;
    }

    /// <exception cref="StorageException">NotFound, DataLoss.</exception>
    public VolumeRecord RequireVolume(string id) => FindVolume(id)
        ?? throw new StorageException(StorageErrorKind.NotFound, $"volume {id} does not exist");

    /// <summary>Records a volume's new state.</summary>
    public VolumeRecord Write(VolumeRecord volume, bool isDurable = true)
    {
        Volumes.Write(ObjectIds.KeyOf(volume.Id), volume, isDurable);
        return volume;
    }

    public VolumeInfo View(VolumeRecord volume) => View(volume, Examine(volume, FindPool(volume.Pool)));

    /// <summary>As <see cref="View(VolumeRecord)"/>, of a volume that was made a moment ago: a look at its medium would cost as much as a directory does.</summary>
    public VolumeInfo ViewNew(VolumeRecord volume) => View(volume, []);

    public IEnumerable<HealthFinding> Examine(VolumeRecord volume) => Examine(volume, FindPool(volume.Pool));

    private VolumeInfo View(VolumeRecord volume, IEnumerable<HealthFinding> health)
    {
        IScmPool? pool = FindPool(volume.Pool);
        return new VolumeInfo
        {
            Id = volume.Id,
            Name = volume.Name,
            Pool = volume.Pool,
            PoolKind = volume.PoolKind,
            Access = volume.Access,
            FileSystem = volume.FileSystem,
            CapacityBytes = volume.CapacityBytes,
            BackingBytes = volume.BackingBytes,
            Source = volume.Source,
            Settings = volume.Settings,
            CreatedAt = volume.CreatedAt,
            NumaNode = pool?.Options.NumaNode,
            IsEphemeral = volume.IsEphemeral,
            StagingPath = volume.Stage?.Path,
            TargetPaths = [.. volume.Targets.Select(target => target.Path)],
            Proof = volume.Proof,
            Health = [.. health],
        };
    }

    private static IEnumerable<HealthFinding> Examine(VolumeRecord volume, IScmPool? pool)
        => pool?.Examine(volume).Concat(MountHealth.Examine(pool, volume))
            ?? [new HealthFinding(HealthKind.Inaccessible, "PoolMissing", $"pool {volume.Pool} is not configured: add it and restart the driver")];

    private static bool IsWithin(string path, string directory)
        => path == directory || path.StartsWith(directory + "/", StringComparison.Ordinal);

    private IScmPool? FindPool(string name) => pools.FirstOrDefault(pool => pool.Options.Name == name);
}
