using Cscm.Storage.Linux;
using Cscm.Storage.Pools;
using Cscm.Storage.State;
using Cscm.Storage.Volumes;

namespace Cscm.Storage.Publishing;

/// <summary>
/// The mounts of volumes as they are now. What is recorded is where a mount may be; whether it is there, only the kernel knows: a
/// reboot, or someone with umount, takes mounts away without telling. Nothing that is not the volume's own is ever unmounted.
/// </summary>
internal sealed class Mountings(Catalog catalog)
{
    public bool IsStaged(VolumeRecord volume)
        => volume.Stage is { } stage && (volume.Access == AccessType.Block
            ? (catalog.PoolOf(volume) as IBlockPool)?.FindDevice(volume, isReadOnly: false) is not null
            : IsMountedAt(volume, stage.Path));

    public bool IsMountedAt(VolumeRecord volume, string path)
    {
        using SafePath? opened = TryOpen(path);
        return opened is not null && catalog.PoolOf(volume).IsMountOf(volume, opened.GetStatus());
    }

    /// <summary>Opens a path at which the volume is mounted.</summary>
    /// <exception cref="StorageException">FailedPrecondition: it is not mounted there any more.</exception>
    public SafePath OpenMounted(VolumeRecord volume, string path)
        => TryOpenIf(path, status => catalog.PoolOf(volume).IsMountOf(volume, status)) ?? throw new StorageException(
            StorageErrorKind.FailedPrecondition, $"volume {volume.Id} is no longer mounted at {path}, someone else unmounted it: unpublish and unstage it, and stage it again");

    /// <summary>Removes a volume's mounts from a path, then the path itself if it is an empty directory, or a file that we made.</summary>
    public void TakeDown(VolumeRecord volume, string path, MadeAtPath made)
    {
        while (IsMountedAt(volume, path))
        {
            catalog.Steps.Reached("publish.unmount");
            Mounts.Unmount(path);
        }
        using (SafePath? rest = TryOpen(path))
        {
            if (rest is null)
                return;
            PathStatus status = rest.GetStatus();
            bool isOurs = !status.IsMountPoint && status.Kind switch
            {
                PathKind.Directory => rest.IsEmptyDirectory(),
                PathKind.File => made == MadeAtPath.File || volume.Access == AccessType.Block,
                _ => false,
            };
            if (!isOurs || (status.Kind == PathKind.File && new FileInfo(path).Length > 0))
                return;
            made = status.Kind == PathKind.Directory ? MadeAtPath.Directory : MadeAtPath.File;
        }
        catalog.Steps.Reached("publish.remove-target");
        SafePath.Remove(path, made == MadeAtPath.Directory ? PathKind.Directory : PathKind.File);
    }

    public void TakeDownStage(VolumeRecord volume, StageRecord stage)
    {
        if (catalog.PoolOf(volume) is IBlockPool pool && volume.Access == AccessType.Block)
        {
            pool.Detach(volume, isReadOnly: true);
            pool.Detach(volume, isReadOnly: false);
        }
        while (volume.Access == AccessType.Mount && IsMountedAt(volume, stage.Path))
        {
            catalog.Steps.Reached("stage.unmount");
            Mounts.Unmount(stage.Path);
        }
        if (!stage.MadeDirectory)
            return;
        using (SafePath? rest = TryOpen(stage.Path))
        {
            if (rest is null || rest.GetStatus() is not { Kind: PathKind.Directory, IsMountPoint: false } || !rest.IsEmptyDirectory())
                return;
        }
        catalog.Steps.Reached("stage.remove-directory");
        SafePath.Remove(stage.Path, PathKind.Directory);
    }

    /// <summary>Makes the volume's root the group's, unless it is already.</summary>
    public void ApplyGroup(SafePath mountPoint, string group)
    {
        if (group.Length == 0)
            return;
        const ushort GroupBits = 0x400 | 0x38;
        uint id = uint.Parse(group);
        PathStatus status = mountPoint.GetStatus();
        if (status.GroupId == id && (status.Mode & GroupBits) == GroupBits)
            return;
        catalog.Steps.Reached("publish.set-group");
        FileSystemControl.SetGroup(mountPoint, id);
    }

    private static SafePath? TryOpenIf(string path, Func<PathStatus, bool> condition)
    {
        try
        {
            return SafePath.TryOpenIf(path, condition);
        }
        catch (StorageException e) when (e.Kind == StorageErrorKind.InvalidArgument)
        {
            return null;
        }
    }

    /// <summary>Opens a path; one that now leads through a link leads to nothing of ours.</summary>
    private static SafePath? TryOpen(string path)
    {
        try
        {
            return SafePath.TryOpen(path);
        }
        catch (StorageException e) when (e.Kind == StorageErrorKind.InvalidArgument)
        {
            return null;
        }
    }
}
