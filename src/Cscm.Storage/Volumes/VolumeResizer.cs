using Cscm.Storage.Pools;
using Cscm.Storage.State;

namespace Cscm.Storage.Volumes;

/// <summary>Grows volumes, and changes their settings.</summary>
internal sealed class VolumeResizer(Catalog catalog)
{
    public async Task<ExpandResult> ExpandAsync(string volumeId, SizeRange size, CancellationToken cancellationToken)
    {
        using IDisposable hold = catalog.InFlight.Enter(ObjectIds.KeyOf(volumeId));
        VolumeRecord volume = catalog.RequireVolume(volumeId);
        IScmPool pool = catalog.PoolOf(volume);
        long requiredBytes = size.RequiredBytes == 0 ? volume.CapacityBytes : size.RequiredBytes;
        long capacityBytes = Sizes.ChooseCapacity(size with { RequiredBytes = requiredBytes }, volume.CapacityBytes);
        if (capacityBytes > volume.CapacityBytes)
        {
            SizePlan plan = pool.PlanGrowth(volume, capacityBytes);
            if (!pool.Ledger.TryCharge(ObjectIds.KeyOf(volumeId), plan.BackingBytes))
            {
                throw new StorageException(
                    StorageErrorKind.ResourceExhausted,
                    $"pool {volume.Pool} has {pool.Ledger.FreeBytes} bytes free and growing {volumeId} to {capacityBytes} takes {plan.BackingBytes - volume.BackingBytes}: delete volumes or enlarge the pool");
            }
            volume = catalog.Write(volume with { Resize = new ResizeIntent(plan.CapacityBytes, plan.BackingBytes) });
            volume = await FinishAsync(volume, cancellationToken);
        }
        return new ExpandResult(volume.CapacityBytes, !pool.GrowsInOneStep(volume) && volume.FileSystemBytes < volume.BackingBytes);
    }

    /// <summary>Carries out a growth whose intent is recorded; gives it up if there is no room.</summary>
    public async Task<VolumeRecord> FinishAsync(VolumeRecord volume, CancellationToken cancellationToken)
    {
        IScmPool pool = catalog.PoolOf(volume);
        ResizeIntent target = volume.Resize ?? throw new InvalidOperationException("no growth was begun");
        try
        {
            await pool.GrowAsync(volume, target, cancellationToken);
        }
        catch (StorageException e) when (e.Kind == StorageErrorKind.ResourceExhausted)
        {
            pool.CancelGrowth(volume);
            catalog.Write(volume with { Resize = null });
            pool.Ledger.Adopt(ObjectIds.KeyOf(volume.Id), volume.BackingBytes);
            throw;
        }
        return catalog.Write(volume with
        {
            Resize = null,
            CapacityBytes = target.CapacityBytes,
            BackingBytes = target.BackingBytes,
            FileSystemBytes = pool.GrowsInOneStep(volume) ? target.BackingBytes : volume.FileSystemBytes,
        });
    }

    public VolumeInfo Modify(string volumeId, VolumeSettingsChange change)
    {
        using IDisposable hold = catalog.InFlight.Enter(ObjectIds.KeyOf(volumeId));
        VolumeRecord volume = catalog.RequireVolume(volumeId);
        IScmPool pool = catalog.PoolOf(volume);
        VolumeSettings settings = volume.Settings with
        {
            Erase = change.Erase ?? volume.Settings.Erase,
            HugePages = change.HugePages ?? volume.Settings.HugePages,
        };
        pool.CheckSettings(settings);
        if (settings == volume.Settings)
            return catalog.View(volume);
        VolumeRecord changed = catalog.Write(volume with { Settings = settings });
        try
        {
            pool.Modify(changed, settings);
        }
        catch
        {
            catalog.Write(volume);
            throw;
        }
        return catalog.View(changed);
    }
}
