using Cscm.Storage.Linux;
using Cscm.Storage.Pools;
using Cscm.Storage.Proof;
using Cscm.Storage.State;
using Cscm.Storage.Volumes;

namespace Cscm.Storage.Publishing;

/// <summary>Mounts volumes at their staging path (block: attaches them). The record is the intent; the mount itself says that it was carried out.</summary>
internal sealed class Stager(Catalog catalog, Mountings mountings)
{
    private const uint DirectoryMode = 0x1E8;

    public async Task StageAsync(StageRequest request, CancellationToken cancellationToken)
    {
        TargetPaths.RequireWellFormed(request.StagingPath, "staging path");
        catalog.RequireForeign(request.StagingPath, "staging path");
        using IDisposable hold = catalog.InFlight.Enter(ObjectIds.KeyOf(request.VolumeId));
        VolumeRecord volume = catalog.RequireVolume(request.VolumeId);
        if (volume.IsEphemeral)
            throw new StorageException(StorageErrorKind.FailedPrecondition, $"volume {volume.Id} is ephemeral: it is published directly and never staged");
        catalog.PoolOf(volume);
        MountFlags flags = MountRules.Check(volume.Id, volume.Access, volume.FileSystem, request.Options);
        var wanted = new StageRecord
        {
            Path = request.StagingPath,
            MadeDirectory = false,
            Flags = request.Options.Flags,
            MountGroup = request.Options.MountGroup ?? "",
            IsReadOnly = request.Options.IsReadOnly || flags.IsReadOnly,
        };
        if (volume.Stage is { } existing)
        {
            if (existing.Path != wanted.Path)
                throw new StorageException(StorageErrorKind.FailedPrecondition, $"volume {volume.Id} is staged at {existing.Path}: unstage it there first");
            if (!MountRules.Equal(existing, wanted))
                throw new StorageException(StorageErrorKind.AlreadyExists, $"volume {volume.Id} is staged at {existing.Path} with other options: unstage it first");
            if (mountings.IsStaged(volume))
            {
                // A crash may have come between the mount and what follows it.
                Finish(volume, existing, volume.FileSystemBytes);
                return;
            }
            wanted = existing;
        }
        bool makesDirectory = RequireUsable(volume, wanted.Path);
        wanted = wanted with { MadeDirectory = wanted.MadeDirectory || makesDirectory };
        volume = catalog.Write(volume with { Stage = wanted });
        try
        {
            await CarryOutAsync(volume, wanted, flags, cancellationToken);
        }
        catch
        {
            Undo(volume);
            throw;
        }
    }

    public void Unstage(string volumeId, string stagingPath)
    {
        TargetPaths.RequireWellFormed(stagingPath, "staging path");
        using IDisposable hold = catalog.InFlight.Enter(ObjectIds.KeyOf(volumeId));
        VolumeRecord? volume = catalog.FindVolume(volumeId);
        if (volume?.Stage is not { } stage || stage.Path != stagingPath)
            return;
        TargetRecord? published = volume.Targets.FirstOrDefault(target => mountings.IsMountedAt(volume, target.Path));
        if (published is not null)
            throw new StorageException(StorageErrorKind.FailedPrecondition, $"volume {volumeId} is still published at {published.Path}: unpublish it there first");
        foreach (TargetRecord gone in volume.Targets)
            mountings.TakeDown(volume, gone.Path, gone.Made);
        mountings.TakeDownStage(volume, stage);
        // Not durable: should the record come back, the missing mount tells the same.
        catalog.Write(volume with { Stage = null, Targets = [] }, isDurable: false);
    }

    /// <summary>Whether the staging directory has to be made. A block volume puts nothing there.</summary>
    private static bool RequireUsable(VolumeRecord volume, string path)
    {
        if (volume.Access == AccessType.Mount)
            return TargetPaths.RequireUsable(path, "staging path", PathKind.Directory) == MadeAtPath.Directory;
        using SafePath? existing = SafePath.TryOpen(path);
        if (existing is not null && existing.GetStatus().Kind != PathKind.Directory)
            throw new StorageException(StorageErrorKind.InvalidArgument, $"staging path {path} is not a directory: remove it, or give another path");
        return false;
    }

    private async Task CarryOutAsync(VolumeRecord volume, StageRecord stage, MountFlags flags, CancellationToken cancellationToken)
    {
        IScmPool pool = catalog.PoolOf(volume);
        if (volume.Access == AccessType.Block)
        {
            string device = ((IBlockPool)pool).Attach(volume, isReadOnly: false);
            Keep(volume, volume.FileSystemBytes, StageProof.OfDevice(volume, device));
            return;
        }
        long fileSystemBytes = await pool.PrepareMountAsync(volume, cancellationToken);
        if (stage.MadeDirectory)
            catalog.Steps.Reached("stage.make-directory");
        using (SafePath directory = stage.MadeDirectory ? SafePath.OpenOrCreateDirectory(stage.Path, DirectoryMode) : SafePath.Open(stage.Path))
            pool.Mount(volume, directory, flags, stage.IsReadOnly);
        Finish(volume, stage, fileSystemBytes);
    }

    /// <summary>What a mounted volume still needs. Changes nothing the second time.</summary>
    private void Finish(VolumeRecord volume, StageRecord stage, long fileSystemBytes)
    {
        if (volume.Access == AccessType.Block)
            return;
        using SafePath mount = mountings.OpenMounted(volume, stage.Path);
        if (!stage.IsReadOnly)
        {
            mountings.ApplyGroup(mount, stage.MountGroup);
            if (fileSystemBytes < volume.BackingBytes && catalog.PoolOf(volume).GrowsWhenStaged(volume))
            {
                catalog.PoolOf(volume).GrowFileSystem(volume, mount);
                fileSystemBytes = volume.BackingBytes;
            }
        }
        Keep(volume, fileSystemBytes, StageProof.OfMount(volume, mount, catalog.PoolOf(volume)));
    }

    private void Keep(VolumeRecord volume, long fileSystemBytes, DaxProof? proof)
    {
        if (fileSystemBytes != volume.FileSystemBytes || proof != volume.Proof)
            catalog.Write(volume with { FileSystemBytes = fileSystemBytes, Proof = proof }, isDurable: false);
    }

    private void Undo(VolumeRecord volume)
    {
        try
        {
            mountings.TakeDownStage(volume, volume.Stage!);
            catalog.Write(volume with { Stage = null }, isDurable: false);
        }
        catch (Exception e) when (e is StorageException or IOException)
        {
            catalog.Log($"the failed stage of volume {volume.Id} could not be undone, and will be at the next start: {e.Message}");
        }
    }
}
