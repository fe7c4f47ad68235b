using Cscm.Storage.Linux;
using Cscm.Storage.Pools;
using Cscm.Storage.State;

namespace Cscm.Storage.Volumes;

/// <summary>
/// Holds volumes still while they are copied: mounted file systems are frozen, attached block devices flushed. Whoever freezes has
/// recorded before whose copy is being made; a start after a crash thaws those.
/// </summary>
internal sealed class Freezer(Catalog catalog)
{
    /// <summary>Freezes volumes, all before it returns; disposing thaws them.</summary>
    public IDisposable Freeze(IEnumerable<VolumeRecord> volumes)
    {
        var frozen = new Frozen(this);
        try
        {
            foreach (VolumeRecord volume in volumes)
            {
                if (HoldsStill(volume))
                    continue;
                if (volume.Access == AccessType.Block)
                    (catalog.PoolOf(volume) as ISnapshotPool)?.Flush(volume);
                else
                    FreezeMount(volume, frozen);
            }
            return frozen;
        }
        catch
        {
            frozen.Dispose();
            throw;
        }
    }

    public void Thaw(VolumeRecord volume)
    {
        if (HoldsStill(volume))
            return;
        using SafePath? mount = OpenMount(volume);
        if (mount is null)
            return;
        catalog.Steps.Reached("volume.thaw");
        FileSystemControl.Thaw(mount);
    }

    /// <summary>Opens a path at which a volume's file system is mounted now; null if it is mounted nowhere.</summary>
    public SafePath? OpenMount(VolumeRecord volume)
    {
        IScmPool pool = catalog.PoolOf(volume);
        string[] paths = [.. volume.Stage is null ? [] : new[] { volume.Stage.Path }, .. volume.Targets.Select(target => target.Path)];
        foreach (string path in paths)
        {
            if (SafePath.TryOpenIf(path, status => pool.IsMountOf(volume, status)) is { } opened)
                return opened;
        }
        return null;
    }

    /// <summary>Volumes that share a file system are for their pool to freeze and to thaw.</summary>
    private bool HoldsStill(VolumeRecord volume) => catalog.PoolOf(volume) is ISnapshotPool { HoldsVolumesStill: true };

    private void FreezeMount(VolumeRecord volume, Frozen frozen)
    {
        using SafePath? mount = OpenMount(volume);
        if (mount is null)
            return;
        catalog.Steps.Reached("volume.freeze");
        if (FileSystemControl.Freeze(mount))
            frozen.Volumes.Add(volume);
    }

    private sealed class Frozen(Freezer owner) : IDisposable
    {
        public List<VolumeRecord> Volumes { get; } = [];

        public void Dispose()
        {
            foreach (VolumeRecord volume in Volumes)
                owner.Thaw(volume);
            Volumes.Clear();
        }
    }
}
