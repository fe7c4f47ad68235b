using Cscm.Storage.Linux;
using Cscm.Storage.Pools;
using Cscm.Storage.State;
using Cscm.Storage.Volumes;

namespace Cscm.Storage.Publishing;

/// <summary>Inline ephemeral volumes: a publish creates and mounts one, its unpublish deletes it.</summary>
internal sealed class EphemeralPublisher(
    Catalog catalog, Mountings mountings, TargetPublisher targets, VolumeCreator creator, VolumeRemover remover)
{
    /// <summary>Publishes for a caller that holds the volume.</summary>
    public async Task PublishAsync(PublishRequest request, VolumeSpec spec, CancellationToken cancellationToken)
    {
        if (spec.Access == AccessType.Block || request.Options.Access == AccessType.Block)
            throw new StorageException(StorageErrorKind.InvalidArgument, "ephemeral volumes are mounted, not raw block: use access type mount");
        if (spec.Source is not null)
            throw new StorageException(StorageErrorKind.InvalidArgument, "ephemeral volumes have no content source: leave it out");
        VolumeRecord? existing = catalog.Volumes.Find(ObjectIds.KeyOf(request.VolumeId));
        if (existing is { Phase: RecordPhase.Ready })
            RequireSameTarget(existing, request);
        if (existing is not { Phase: RecordPhase.Ready, Targets.Count: > 0 })
            TargetPaths.RequireUsable(request.TargetPath, "target path", PathKind.Directory);

        VolumeRecord volume = await creator.CreateHeldAsync(spec with { Name = request.VolumeId }, request.VolumeId, isEphemeral: true, cancellationToken);
        try
        {
            Mount(volume, request);
        }
        catch when (existing is not { Phase: RecordPhase.Ready })
        {
            remover.Undo(catalog.Volumes.Find(ObjectIds.KeyOf(volume.Id)) ?? volume);
            throw;
        }
    }

    /// <summary>Deletes an ephemeral volume for a caller that holds it.</summary>
    public void Unpublish(VolumeRecord volume, string targetPath)
    {
        if (volume.Targets.Count > 0 && volume.Targets.All(target => target.Path != targetPath))
            return;
        catalog.PoolOf(volume);
        remover.Remove(volume.Phase == RecordPhase.Deleting ? volume : catalog.Write(volume with { Phase = RecordPhase.Deleting }));
    }

    private void Mount(VolumeRecord volume, PublishRequest request)
    {
        MountFlags flags = MountRules.Check(volume.Id, volume.Access, volume.FileSystem, request.Options);
        TargetRecord wanted = TargetPublisher.Describe(request, flags);
        TargetRecord? existing = volume.Targets.Count > 0 ? volume.Targets[0] : null;
        if (existing is not null && !MountRules.Equal(existing, wanted))
            throw new StorageException(StorageErrorKind.AlreadyExists, $"volume {volume.Id} is published at {wanted.Path} with other options: unpublish it there first");
        if (existing is null || !mountings.IsMountedAt(volume, wanted.Path))
        {
            MadeAtPath made = TargetPaths.RequireUsable(wanted.Path, "target path", PathKind.Directory);
            wanted = wanted with { Made = made == MadeAtPath.Nothing ? existing?.Made ?? made : made };
            volume = catalog.Write(volume with { Targets = [wanted] });
            using SafePath path = targets.OpenTarget(wanted);
            catalog.PoolOf(volume).Mount(volume, path, flags, isReadOnly: wanted.IsReadOnly);
        }
        // A crash may have come between the mount and this.
        using SafePath mount = mountings.OpenMounted(volume, wanted.Path);
        if (!wanted.IsReadOnly)
            mountings.ApplyGroup(mount, wanted.MountGroup);
        if (StageProof.OfMount(volume, mount, catalog.PoolOf(volume)) is { } proof && proof != volume.Proof)
            catalog.Write(volume with { Proof = proof }, isDurable: false);
    }

    private static void RequireSameTarget(VolumeRecord existing, PublishRequest request)
    {
        if (!existing.IsEphemeral)
            throw new StorageException(StorageErrorKind.AlreadyExists, $"volume {existing.Id} exists and is not ephemeral: give an id of its own");
        if (existing.Targets.FirstOrDefault(target => target.Path != request.TargetPath) is { } other)
            throw new StorageException(StorageErrorKind.FailedPrecondition, $"ephemeral volume {existing.Id} is published at {other.Path}, and lives at one path only: unpublish it there first");
    }
}
