using Cscm.Storage.Erase;
using Cscm.Storage.Pools;
using Cscm.Storage.Publishing;
using Cscm.Storage.State;

namespace Cscm.Storage.Volumes;

/// <summary>Takes volumes and snapshots away, whole or half-made. Every act can be repeated; the record goes last.</summary>
internal sealed class VolumeRemover(Catalog catalog, Mountings mountings, Eraser eraser)
{
    /// <summary>Removes a volume whose record says Creating or Deleting.</summary>
    public void Remove(VolumeRecord volume)
    {
        string key = ObjectIds.KeyOf(volume.Id);
        IScmPool pool = catalog.PoolOf(volume);
        foreach (TargetRecord target in volume.Targets)
            mountings.TakeDown(volume, target.Path, target.Made);
        if (volume.Stage is { } stage)
            mountings.TakeDownStage(volume, stage);
        RemoveFrom(pool, key, volume.Settings.Erase);
        catalog.Volumes.Delete(key);
        pool.Ledger.Release(key);
    }

    /// <summary>Removes what is there of a snapshot; the caller deletes its record.</summary>
    public void RemoveImage(SnapshotRecord snapshot)
    {
        string key = ObjectIds.KeyOf(snapshot.Id);
        IScmPool pool = catalog.PoolOf(snapshot.Pool, snapshot.Id);
        RemoveFrom(pool, key, snapshot.Erase);
        pool.Ledger.Release(key);
    }

    /// <summary>The charge of what is to be erased stands before the object's own is dropped: the sum never understates.</summary>
    private void RemoveFrom(IScmPool pool, string key, ErasePolicy erase)
    {
        if (pool.Remove(key, erase) is { } item)
            eraser.Take((IErasingPool)pool, item);
    }

    /// <summary>Undoes what a failed call began. If that fails too the intent stays, and the next call or start undoes it.</summary>
    public void Undo(VolumeRecord volume)
    {
        try
        {
            Remove(volume);
        }
        catch (Exception e) when (e is StorageException or IOException or UnauthorizedAccessException)
        {
            catalog.Log($"volume {volume.Id} could not be removed after a failed call, and will be by the next or at the next start: {e.Message}");
        }
    }
}
