using Cscm.Storage.Linux;
using Cscm.Storage.Pools;
using Cscm.Storage.State;
using Cscm.Storage.Volumes;

namespace Cscm.Storage.Publishing;

/// <summary>Binds staged volumes to target paths. One durable append per publish: the record is the intent, the mount the deed.</summary>
internal sealed class TargetPublisher(Catalog catalog, Mountings mountings)
{
    private const uint DirectoryMode = 0x1E8, FileMode = 0x180;

    /// <summary>Publishes for a caller that holds the volume.</summary>
    public void Publish(VolumeRecord volume, PublishRequest request)
    {
        MountFlags flags = MountRules.Check(volume.Id, volume.Access, volume.FileSystem, request.Options);
        TargetRecord wanted = Describe(request, flags);
        TargetRecord? existing = volume.Targets.FirstOrDefault(target => target.Path == wanted.Path);
        if (existing is not null && !MountRules.Equal(existing, wanted))
            throw new StorageException(StorageErrorKind.AlreadyExists, $"volume {volume.Id} is published at {wanted.Path} with other options: unpublish it there first");
        if (existing is not null && mountings.IsMountedAt(volume, wanted.Path))
            return;
        RequireStaged(volume, request.StagingPath, flags);
        RequireShareable(volume, wanted);

        MadeAtPath made = TargetPaths.RequireUsable(wanted.Path, "target path", volume.Access == AccessType.Block ? PathKind.File : PathKind.Directory);
        wanted = wanted with { Made = existing is null || made != MadeAtPath.Nothing ? made : existing.Made };
        VolumeRecord without = volume with { Targets = [.. volume.Targets.Where(target => target != existing)] };
        volume = catalog.Write(without with { Targets = [.. without.Targets, wanted] });
        try
        {
            if (volume.Access == AccessType.Block)
                BindDevice(volume, wanted);
            else
                BindMount(volume, wanted, flags);
        }
        catch
        {
            Undo(volume, without, wanted);
            throw;
        }
    }

    /// <summary>Unpublishes for a caller that holds the volume.</summary>
    public void Unpublish(VolumeRecord volume, TargetRecord target)
    {
        mountings.TakeDown(volume, target.Path, target.Made);
        VolumeRecord without = volume with { Targets = [.. volume.Targets.Where(other => other != target)] };
        if (volume.Access == AccessType.Block && target.IsReadOnly && !without.Targets.Any(other => other.IsReadOnly))
            ((IBlockPool)catalog.PoolOf(volume)).Detach(volume, isReadOnly: true);
        // Not durable: should the record come back, the missing mount tells the same.
        catalog.Write(without, isDurable: false);
    }

    public static TargetRecord Describe(PublishRequest request, MountFlags flags) => new()
    {
        Path = request.TargetPath,
        Made = MadeAtPath.Nothing,
        IsReadOnly = request.IsReadOnly || request.Options.IsReadOnly || flags.IsReadOnly,
        IsExclusive = request.Options.IsExclusive,
        Flags = request.Options.Flags,
        MountGroup = request.Options.MountGroup ?? "",
    };

    /// <summary>Opens the target, made if the record says so.</summary>
    public SafePath OpenTarget(TargetRecord target)
    {
        if (target.Made != MadeAtPath.Nothing)
            catalog.Steps.Reached("publish.make-target");
        return target.Made switch
        {
            MadeAtPath.Directory => SafePath.OpenOrCreateDirectory(target.Path, DirectoryMode),
            MadeAtPath.File => SafePath.OpenOrCreateFile(target.Path, FileMode),
            _ => SafePath.Open(target.Path),
        };
    }

    private void BindMount(VolumeRecord volume, TargetRecord target, MountFlags flags)
    {
        using SafePath source = mountings.OpenMounted(volume, volume.Stage!.Path);
        if (!target.IsReadOnly)
            mountings.ApplyGroup(source, target.MountGroup);
        using SafePath path = OpenTarget(target);
        catalog.Steps.Reached("publish.bind");
        Mounts.Bind(source, path, flags.Attributes | (target.IsReadOnly ? MountAttribute.ReadOnly : MountAttribute.None));
    }

    /// <summary>
    /// Binds the device node. A read-only mount of a node does not keep anyone from writing to the device, so read-only targets get a
    /// read-only device of their own.
    /// </summary>
    private void BindDevice(VolumeRecord volume, TargetRecord target)
    {
        var pool = (IBlockPool)catalog.PoolOf(volume);
        string device = pool.Attach(volume, target.IsReadOnly);
        using SafePath source = SafePath.Open(device);
        using SafePath path = OpenTarget(target);
        catalog.Steps.Reached("publish.bind");
        Mounts.Bind(source, path, target.IsReadOnly ? MountAttribute.ReadOnly : MountAttribute.None);
    }

    private void RequireStaged(VolumeRecord volume, string stagingPath, MountFlags flags)
    {
        if (volume.Stage is not { } stage)
            throw new StorageException(StorageErrorKind.FailedPrecondition, $"volume {volume.Id} is not staged: stage it first");
        if (stage.Path != stagingPath)
            throw new StorageException(StorageErrorKind.FailedPrecondition, $"volume {volume.Id} is staged at {stage.Path}, not at {stagingPath}: give that path");
        // Options of the file system took effect when it was staged; others cannot be had now.
        IReadOnlyList<FileSystemOption> staged = volume.Access == AccessType.Block ? [] : MountFlags.Parse(stage.Flags, volume.FileSystem).Options;
        if (flags.Options.Except(staged).Any())
            throw new StorageException(StorageErrorKind.FailedPrecondition, $"volume {volume.Id} was staged without {flags.Options.Except(staged).First().Key}: unstage it and stage it with the same mount flags");
        if (!mountings.IsStaged(volume))
            throw new StorageException(StorageErrorKind.FailedPrecondition, $"volume {volume.Id} is no longer mounted at {stage.Path}, someone else unmounted it: stage it again");
    }

    private void RequireShareable(VolumeRecord volume, TargetRecord wanted)
    {
        TargetRecord? other = volume.Targets.FirstOrDefault(
            target => target.Path != wanted.Path && (target.IsExclusive || wanted.IsExclusive) && mountings.IsMountedAt(volume, target.Path));
        if (other is not null)
        {
            throw new StorageException(
                StorageErrorKind.FailedPrecondition,
                $"volume {volume.Id} is published at {other.Path}, and its access mode (single writer) permits one target only: unpublish it there first");
        }
    }

    private void Undo(VolumeRecord volume, VolumeRecord without, TargetRecord target)
    {
        try
        {
            mountings.TakeDown(volume, target.Path, target.Made);
            catalog.Write(without, isDurable: false);
        }
        catch (Exception e) when (e is StorageException or IOException)
        {
            catalog.Log($"the failed publish of volume {volume.Id} at {target.Path} could not be undone, and will be at the next start: {e.Message}");
        }
    }
}
