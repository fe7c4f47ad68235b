using System.Text;
using Cscm.Storage.Erase;
using Cscm.Storage.Linux;
using Cscm.Storage.Pools;
using Cscm.Storage.Pools.Lvm;
using Cscm.Storage.Pools.Namespaces;
using Cscm.Storage.Pools.Xfs;
using Cscm.Storage.Publishing;
using Cscm.Storage.State;
using Cscm.Storage.Volumes;

namespace Cscm.Storage;

/// <summary>The storage of one machine, put together and recovered, ready to serve. Dispose it to let another process have the state.</summary>
public sealed class StorageHost : IDisposable
{
    private readonly StateDirectory _state;
    private readonly Eraser _eraser;

    private StorageHost(StateDirectory state, Eraser eraser, IVolumeManager manager, IVolumePublisher publisher)
        => (_state, _eraser, Manager, Publisher) = (state, eraser, manager, publisher);

    public IVolumeManager Manager { get; }

    public IVolumePublisher Publisher { get; }

    /// <summary>Opens state and pools and recovers whatever an earlier process left unfinished.</summary>
    /// <param name="options">State directory and pools.</param>
    /// <param name="steps">Told of every step; <see cref="IStepObserver.None"/> outside tests.</param>
    /// <param name="time">The clock for creation times.</param>
    /// <param name="log">Takes a line for a person about what could not be done and is left for later.</param>
    /// <param name="cancellationToken">Gives up; a later start goes on.</param>
    /// <exception cref="StorageException">InvalidArgument: the options. FailedPrecondition: another driver holds the state or a pool.</exception>
    public static Task<StorageHost> OpenAsync(
        StorageOptions options, IStepObserver steps, TimeProvider time, Action<string> log, CancellationToken cancellationToken = default)
        => ErrorBoundary.RunAsync(async () =>
        {
            IReadOnlyList<PoolOptions> poolOptions = PoolOptionsRules.Check(options.Pools);
            StateDirectory state = StateDirectory.Open(options.StateDirectory, steps);
            Eraser? eraser = null;
            try
            {
                var catalog = new Catalog(state, [.. poolOptions.Select(pool => OpenPool(pool, state, steps))], steps, time, log);
                eraser = new Eraser(catalog.Pools, time, log);
                return await BuildAsync(catalog, state, eraser, cancellationToken);
            }
            catch
            {
                eraser?.Dispose();
                state.Dispose();
                throw;
            }
        });

    /// <summary>Ends when the space of all that was deleted until now has been given back, or could not be.</summary>
    public Task WhenErasedAsync(CancellationToken cancellationToken) => _eraser.WhenIdleAsync(cancellationToken);

    public void Dispose()
    {
        _eraser.Dispose();
        _state.Dispose();
    }

    private static async Task<StorageHost> BuildAsync(Catalog catalog, StateDirectory state, Eraser eraser, CancellationToken cancellationToken)
    {
        var mountings = new Mountings(catalog);
        var freezer = new Freezer(catalog);
        var remover = new VolumeRemover(catalog, mountings, eraser);
        var creator = new VolumeCreator(catalog, freezer, remover);
        var resizer = new VolumeResizer(catalog);
        var snapshots = new Snapshots(catalog, freezer, remover);
        var groups = new GroupSnapshots(catalog, freezer, remover);
        var targets = new TargetPublisher(catalog, mountings);
        var ephemerals = new EphemeralPublisher(catalog, mountings, targets, creator, remover);

        await new Recovery(catalog, mountings, freezer, remover, resizer, snapshots, groups).RunAsync(cancellationToken);
        eraser.Start();
        return new StorageHost(
            state,
            eraser,
            new VolumeManager(catalog, creator, remover, resizer, snapshots, groups, eraser),
            new VolumePublisher(catalog, mountings, freezer, new Stager(catalog, mountings), targets, ephemerals));
    }

    private static IScmPool OpenPool(PoolOptions options, StateDirectory state, IStepObserver steps)
    {
        string path = StateDirectory.ResolveLinks(options.Path ?? Path.Combine(state.Path, "pools", options.Name));
        Claim(path, options, state.DriverId);
        return options.Kind switch
        {
            PoolKind.File => new FilePool(options, path, steps),
            PoolKind.Dram => new DramPool(options, path, steps),
            PoolKind.Lvm => LvmPool.Open(options, path, state.DriverId, steps),
            PoolKind.Xfs => new XfsPool(options, path, state.DriverId, steps),
            PoolKind.Namespace => NamespacePool.Open(options, path, state.DriverId, steps),
            _ => throw new StorageException(StorageErrorKind.Unimplemented, $"pool {options.Name}: pools of kind {options.Kind} are not in this version"),
        };
    }

    /// <summary>A start removes what its state does not know; a mark keeps it from doing so in another driver's directory.</summary>
    private static void Claim(string path, PoolOptions options, string driverId)
    {
        string markPath = Path.Combine(path, ".cscm-pool");
        byte[] mark = Encoding.UTF8.GetBytes($"{driverId} {options.Name}\n");
        if (!File.Exists(markPath))
            Files.ReplaceDurably(markPath, mark);
        else if (!File.ReadAllBytes(markPath).AsSpan().SequenceEqual(mark))
        {
            throw new StorageException(
                StorageErrorKind.FailedPrecondition,
                $"directory {path} of pool {options.Name} belongs to another driver or pool ({File.ReadAllText(markPath).Trim()}): restore that driver's state directory, "
                    + $"or give the pool another directory; only if its volumes are to be lost, remove {markPath}");
        }
    }
}
