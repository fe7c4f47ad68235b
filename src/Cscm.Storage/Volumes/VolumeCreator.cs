using Cscm.Storage.Pools;
using Cscm.Storage.State;

namespace Cscm.Storage.Volumes;

/// <summary>
/// Makes volumes. Order: checks, charge, intent, medium, record; a name that exists is compared and returned. Where a start undoes what no
/// record knows, the record alone is written (docs/decisions/0038).
/// </summary>
internal sealed class VolumeCreator(Catalog catalog, Freezer freezer, VolumeRemover remover)
{
    public async Task<VolumeInfo> CreateAsync(VolumeSpec spec, CancellationToken cancellationToken)
    {
        if (spec.Name.Length == 0)
            throw new StorageException(StorageErrorKind.InvalidArgument, "a volume needs a name");
        string id = ObjectIds.Volume(spec.Name);
        using IDisposable hold = spec.Source is null
            ? catalog.InFlight.Enter(id)
            : catalog.InFlight.Enter(id, ObjectIds.KeyOf(spec.Source.Id));
        bool isNew = !catalog.Volumes.Holds(ObjectIds.KeyOf(id));
        VolumeRecord volume = await CreateHeldAsync(spec, id, isEphemeral: false, cancellationToken);
        return isNew ? catalog.ViewNew(volume) : catalog.View(volume);
    }

    /// <summary>As <see cref="CreateAsync"/>, for a caller that holds the volume and chose its id.</summary>
    public async Task<VolumeRecord> CreateHeldAsync(VolumeSpec spec, string id, bool isEphemeral, CancellationToken cancellationToken)
    {
        VolumeRecord? existing = catalog.Volumes.Find(ObjectIds.KeyOf(id));
        if (existing is { Phase: RecordPhase.Ready })
        {
            RequireCompatible(existing, spec, isEphemeral);
            return existing;
        }
        // Left by a call that failed and could not clean up behind itself.
        if (existing is not null)
            remover.Remove(existing);
        if (spec.Source is { Kind: ContentSourceKind.Volume } source && ObjectIds.KeyOf(source.Id) == ObjectIds.KeyOf(id))
            throw new StorageException(StorageErrorKind.InvalidArgument, $"volume {id} cannot be its own content source");

        SourceView? view = spec.Source is null ? null : FindSource(spec.Source);
        (IScmPool pool, VolumeRecord volume) = Choose(spec, id, isEphemeral, view);
        string key = ObjectIds.KeyOf(id);
        bool hasIntent = view is not null || !pool.NeedsNoIntent;
        try
        {
            if (hasIntent)
                catalog.Volumes.Create(key, volume);
        }
        catch
        {
            pool.Ledger.Release(key);
            throw;
        }
        try
        {
            long fileSystemBytes;
            using (view?.Live is { } live ? freezer.Freeze([live]) : null)
                fileSystemBytes = await pool.CreateAsync(volume, view?.Image, cancellationToken);
            VolumeRecord ready = volume with { Phase = RecordPhase.Ready, FrozenKey = null, FileSystemBytes = fileSystemBytes, Proof = pool.SharedProof };
            if (hasIntent)
                return catalog.Write(ready);
            ready = ready with { Making = pool.LastMaking };
            catalog.Volumes.Create(key, ready);
            return ready;
        }
        catch
        {
            remover.Undo(volume);
            throw;
        }
    }

    private static void RequireCompatible(VolumeRecord existing, VolumeSpec spec, bool isEphemeral)
    {
        string? difference =
            existing.IsEphemeral != isEphemeral ? "one of them is ephemeral"
            : spec.Pool is not null && spec.Pool != existing.Pool ? $"it is in pool {existing.Pool}"
            : spec.Access != existing.Access ? $"its access type is {existing.Access}"
            : spec.Access == AccessType.Mount && !string.IsNullOrEmpty(spec.FileSystem) && spec.FileSystem != existing.FileSystem ? $"its file system is {existing.FileSystem}"
            : spec.Source != existing.Source ? $"its content source is {existing.Source?.Id ?? "none"}"
            : spec.Settings != existing.RequestedSettings ? "its settings differ"
            : existing.CapacityBytes < spec.Size.RequiredBytes || (spec.Size.LimitBytes > 0 && existing.CapacityBytes > spec.Size.LimitBytes)
                ? $"its capacity is {existing.CapacityBytes}"
            : null;
        if (difference is not null)
            throw new StorageException(StorageErrorKind.AlreadyExists, $"a volume named {spec.Name} exists and differs from the one asked for: {difference}; choose another name, or delete volume {existing.Id}");
    }

    private SourceView FindSource(ContentSource source)
    {
        if (source.Kind == ContentSourceKind.Volume)
        {
            VolumeRecord volume = catalog.FindVolume(source.Id)
                ?? throw new StorageException(StorageErrorKind.NotFound, $"source volume {source.Id} does not exist");
            IScmPool pool = RequireCopying(volume.Pool, volume.Id);
            return new SourceView(new ContentImage(pool, ObjectIds.KeyOf(volume.Id)), volume.Access, volume.FileSystem, volume.CapacityBytes, volume.BackingBytes, volume.FileSystemBytes, volume.Settings.Erase, volume);
        }
        SnapshotRecord snapshot = Snapshots.Find(catalog, source.Id)
            ?? throw new StorageException(StorageErrorKind.NotFound, $"source snapshot {source.Id} does not exist");
        return new SourceView(
            new ContentImage(RequireCopying(snapshot.Pool, snapshot.Id), ObjectIds.KeyOf(snapshot.Id)),
            snapshot.Access, snapshot.FileSystem, snapshot.CapacityBytes, snapshot.BackingBytes, snapshot.FileSystemBytes, snapshot.Erase, null);
    }

    private ISnapshotPool RequireCopying(string pool, string id) => Snapshots.RequireCopying(catalog, pool, id);

    /// <summary>Finds the pool that takes the volume and charges it.</summary>
    private (IScmPool Pool, VolumeRecord Volume) Choose(VolumeSpec spec, string id, bool isEphemeral, SourceView? source)
    {
        string? name = spec.Pool ?? source?.Image.Pool.Options.Name;
        IEnumerable<IScmPool> candidates = name is not null
            ? [catalog.RequirePool(name)]
            : catalog.Pools.OrderByDescending(pool => pool.Options.IsDefault);
        StorageException? refusal = null;
        foreach (IScmPool pool in candidates)
        {
            try
            {
                return (pool, Plan(spec, id, isEphemeral, source, pool));
            }
            catch (StorageException e)
            {
                // Of several refusals, no room is the one that another node may not have.
                if (refusal is null || (e.Kind == StorageErrorKind.ResourceExhausted && refusal.Kind != StorageErrorKind.ResourceExhausted))
                    refusal = e;
            }
        }
        throw refusal ?? new StorageException(StorageErrorKind.FailedPrecondition, "this node has no pool: configure one");
    }

    private VolumeRecord Plan(VolumeSpec spec, string id, bool isEphemeral, SourceView? source, IScmPool pool)
    {
        string fileSystem = ChooseFileSystem(spec, source, pool);
        if (source is not null && source.Image.Pool.GetType() != pool.GetType())
            throw new StorageException(StorageErrorKind.InvalidArgument, $"the content source is in pool {source.Image.Pool.Options.Name}, and pool {pool.Options.Name} is of another kind: use the source's pool");
        pool.CheckSettings(spec.Settings);
        SizePlan plan = pool.Plan(spec.Access, fileSystem, spec.Size, source?.CapacityBytes ?? 0, source?.Image);
        // A source that has grown can be larger than a fresh volume of the same capacity.
        long backingBytes = Math.Max(plan.BackingBytes, source?.BackingBytes ?? 0);
        if (!pool.Ledger.TryCharge(ObjectIds.KeyOf(id), backingBytes))
        {
            throw new StorageException(
                StorageErrorKind.ResourceExhausted,
                $"pool {pool.Options.Name} has {pool.Ledger.FreeBytes} bytes free and a volume of {plan.CapacityBytes} takes {backingBytes}: delete volumes, enlarge the pool, or use another");
        }
        return new VolumeRecord
        {
            Id = id,
            Name = spec.Name,
            Pool = pool.Options.Name,
            PoolKind = pool.Options.Kind,
            Phase = RecordPhase.Creating,
            Access = spec.Access,
            FileSystem = fileSystem,
            CapacityBytes = plan.CapacityBytes,
            BackingBytes = backingBytes,
            FileSystemBytes = source?.FileSystemBytes ?? backingBytes,
            Source = spec.Source,
            FrozenKey = source?.Live is null ? null : source.Image.Key,
            RequestedSettings = spec.Settings,
            // A copy holds its source's bytes: they are erased if either of the two asks for it.
            Settings = source is { Erase: ErasePolicy.Zero } ? spec.Settings with { Erase = ErasePolicy.Zero } : spec.Settings,
            CreatedAt = catalog.Time.GetUtcNow(),
            IsEphemeral = isEphemeral,
        };
    }

    private static string ChooseFileSystem(VolumeSpec spec, SourceView? source, IScmPool pool)
    {
        if (source is not null && source.Access != spec.Access)
            throw new StorageException(StorageErrorKind.InvalidArgument, $"the content source has access type {source.Access}, the volume asks for {spec.Access}: they must agree");
        if (spec.Access == AccessType.Block)
        {
            return pool is IBlockPool ? "" : throw new StorageException(
                StorageErrorKind.InvalidArgument, $"pool {pool.Options.Name} has no raw block volumes: use access type mount, or a pool of kind file");
        }
        string fileSystem = !string.IsNullOrEmpty(spec.FileSystem) ? spec.FileSystem : source?.FileSystem ?? pool.FileSystems[0];
        if (!pool.FileSystems.Contains(fileSystem))
            throw new StorageException(StorageErrorKind.InvalidArgument, $"pool {pool.Options.Name} has no file system {fileSystem}: it has {string.Join(", ", pool.FileSystems)}");
        if (source is not null && source.FileSystem != fileSystem)
            throw new StorageException(StorageErrorKind.InvalidArgument, $"the content source has file system {source.FileSystem}, the volume asks for {fileSystem}: they must agree");
        return fileSystem;
    }

    /// <param name="Image">What is copied.</param>
    /// <param name="Access">Its access type.</param>
    /// <param name="FileSystem">Its file system.</param>
    /// <param name="CapacityBytes">The smallest capacity of the copy.</param>
    /// <param name="BackingBytes">The image's size.</param>
    /// <param name="FileSystemBytes">How much of it the file system spans.</param>
    /// <param name="Erase">Whether its bytes are to be erased.</param>
    /// <param name="Live">The volume, if it is one and may be mounted.</param>
    private sealed record SourceView(
        ContentImage Image, AccessType Access, string FileSystem, long CapacityBytes, long BackingBytes, long FileSystemBytes, ErasePolicy Erase, VolumeRecord? Live);
}
