using Cscm.Storage.Erase;
using Cscm.Storage.Linux;
using Cscm.Storage.Proof;
using Cscm.Storage.State;

namespace Cscm.Storage.Pools;

/// <summary>A volume or snapshot whose content is to be copied; nothing writes to it meanwhile.</summary>
internal sealed record ContentImage(IScmPool Pool, string Key);

/// <summary>
/// A share of a medium that volumes are carved from. A pool acts on the medium and remembers nothing: what it is given is a record
/// whose intent is durable already, and every act can be repeated after it was cut off anywhere. Calls for one volume come one at a
/// time, calls for different volumes in parallel.
/// </summary>
internal interface IScmPool
{
    public PoolOptions Options { get; }

    /// <summary>Where the pool keeps what it makes; nobody else's business.</summary>
    public string Directory { get; }

    public Ledger Ledger { get; }

    /// <summary>What was proven of the one mounted file system that all volumes are directories of; null where each volume is tried by itself.</summary>
    public DaxProof? SharedProof => null;

    /// <summary>
    /// Whether an empty volume that has no record yet needs none: it is made by acts that a start undoes when it finds what nobody knows, and
    /// repeats (<see cref="FinishMaking"/>) when the power took what a record knows.
    /// </summary>
    public bool NeedsNoIntent => false;

    /// <summary>The number of the last making that the power may still take; recorded with the volume. Zero where a making is durable when it returns.</summary>
    public long LastMaking => 0;

    /// <summary>Names of the file systems that volumes can have, the default first.</summary>
    public IReadOnlyList<string> FileSystems { get; }

    /// <summary>Sizes of a new volume.</summary>
    /// <param name="access">Block volumes need no room for a file system.</param>
    /// <param name="fileSystem">One of <see cref="FileSystems"/>; empty for block access.</param>
    /// <param name="size">What the caller accepts.</param>
    /// <param name="minimumBytes">The content source's capacity, or zero.</param>
    /// <param name="source">The content source, or null.</param>
    /// <exception cref="StorageException">InvalidArgument, OutOfRange.</exception>
    public SizePlan Plan(AccessType access, string fileSystem, SizeRange size, long minimumBytes, ContentImage? source);

    /// <summary>Sizes of an existing volume after it has grown to a capacity.</summary>
    public SizePlan PlanGrowth(VolumeRecord volume, long capacityBytes);

    public PoolCapacity GetCapacity(AccessType access, string fileSystem);

    /// <summary>Refuses settings that volumes of this pool cannot have.</summary>
    /// <exception cref="StorageException">InvalidArgument; FailedPrecondition: DAX is required and cannot be had.</exception>
    public void CheckSettings(VolumeSettings settings);

    /// <summary>Makes the volume, replacing whatever an earlier attempt left. Its content is zeros, or the source's.</summary>
    /// <param name="volume">What to make.</param>
    /// <param name="source">What to copy (from a pool of the same kind), or null.</param>
    /// <param name="cancellationToken">Gives up; the caller removes what is there.</param>
    /// <returns>How much of the backing the file system spans.</returns>
    public Task<long> CreateAsync(VolumeRecord volume, ContentImage? source, CancellationToken cancellationToken);

    /// <summary>Refuses if someone else still uses what is to be removed.</summary>
    /// <exception cref="StorageException">FailedPrecondition.</exception>
    public void RequireRemovable(string key);

    /// <summary>Removes a volume or snapshot, or whatever part of it exists. Takes well under a second, however large it is.</summary>
    /// <param name="key">What to remove.</param>
    /// <param name="erase">Whether its bytes may outlive it where nobody can read them.</param>
    /// <returns>What has to be erased before its space can be used again (by pools that erase); null if it is free already.</returns>
    public ErasableItem? Remove(string key, ErasePolicy erase);

    /// <summary>Gives a volume the backing space that <paramref name="target"/> names; a device that shows it is told.</summary>
    public Task GrowAsync(VolumeRecord volume, ResizeIntent target, CancellationToken cancellationToken);

    /// <summary>Gives back what a growth that found no room had got.</summary>
    public void CancelGrowth(VolumeRecord volume);

    /// <summary>Whether controller growth is all it takes: no file system has to follow on the node.</summary>
    public bool GrowsInOneStep(VolumeRecord volume);

    /// <summary>Applies changed settings to the medium.</summary>
    public void Modify(VolumeRecord volume, VolumeSettings settings);

    /// <summary>Brings a volume that is mounted nowhere into the shape in which it can be mounted.</summary>
    /// <returns>How much of the backing the file system spans now.</returns>
    public Task<long> PrepareMountAsync(VolumeRecord volume, CancellationToken cancellationToken);

    /// <summary>Mounts the volume's file system.</summary>
    public void Mount(VolumeRecord volume, SafePath target, MountFlags flags, bool isReadOnly);

    /// <summary>Whether a path shows this volume's file system.</summary>
    public bool IsMountOf(VolumeRecord volume, PathStatus path);

    /// <summary>Whether a volume that is staged again gets its file system grown; if not, that is left to a node expansion.</summary>
    public bool GrowsWhenStaged(VolumeRecord volume);

    /// <summary>Grows the mounted file system to the whole of the backing.</summary>
    public void GrowFileSystem(VolumeRecord volume, SafePath mountPoint);

    /// <summary>What is wrong with a volume, as far as its medium can tell.</summary>
    public IEnumerable<HealthFinding> Examine(VolumeRecord volume);

    /// <summary>What is wrong with the pool itself.</summary>
    public IEnumerable<PoolHealth> ExaminePool();

    /// <summary>At start-up, before anything else: makes again what the power took of a volume that was not durable yet.</summary>
    public void FinishMaking(VolumeRecord volume)
    {
    }

    /// <summary>At start-up: brings back what a volume needs before it can be used.</summary>
    public void Restore(VolumeRecord volume);

    /// <summary>At start-up: what an object takes of the medium of which nothing else is known; zero if it is not here.</summary>
    public long FindBackingBytes(string key);

    /// <summary>At start-up: removes what carries this driver's naming and belongs to no object.</summary>
    /// <param name="isKnown">Whether a key is an object's.</param>
    /// <param name="isDevicePinned">Whether a device of a known volume is to stay.</param>
    public void RemoveOrphans(Func<string, bool> isKnown, Func<string, bool, bool> isDevicePinned);
}

/// <summary>A pool whose volumes can be raw block devices.</summary>
internal interface IBlockPool : IScmPool
{
    /// <summary>The device that shows the volume; attached if it is not.</summary>
    public string Attach(VolumeRecord volume, bool isReadOnly);

    /// <summary>The device that shows the volume, or null.</summary>
    public string? FindDevice(VolumeRecord volume, bool isReadOnly);

    public void Detach(VolumeRecord volume, bool isReadOnly);
}

/// <summary>A pool that can copy volumes.</summary>
internal interface ISnapshotPool : IScmPool
{
    /// <summary>Whether the pool itself sees to it that a copy is of one moment; if not, whoever calls it freezes what is mounted.</summary>
    public bool HoldsVolumesStill => false;

    /// <summary>Copies volumes as they are at one moment; those of a pool that does not hold them still are frozen by the caller.</summary>
    public void CopyTogether(IReadOnlyList<(string SourceKey, string Key)> copies, CancellationToken cancellationToken)
    {
        foreach ((string sourceKey, string key) in copies)
            Copy(sourceKey, key, cancellationToken);
    }

    /// <summary>Copies a volume (at rest, or frozen) to a new key, replacing what an earlier attempt left.</summary>
    public void Copy(string sourceKey, string key, CancellationToken cancellationToken);

    /// <summary>Makes what was written to an attached block volume reach its image.</summary>
    public void Flush(VolumeRecord volume);

    public IEnumerable<BlockExtent> ReadAllocatedExtents(string key, long startingOffsetBytes);

    public IEnumerable<BlockExtent> ReadChangedExtents(string baseKey, string targetKey, long startingOffsetBytes);
}
