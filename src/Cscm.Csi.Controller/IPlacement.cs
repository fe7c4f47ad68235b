using Cscm.Storage;

namespace Cscm.Csi.Controller;

/// <summary>
/// The calls in which it matters that volumes live on nodes. One machine answers them for itself (<see cref="SingleNode"/>), a cluster
/// by choosing. All else goes to <see cref="IVolumeManager"/>, which both are or have. Thread-safe.
/// </summary>
public interface IPlacement
{
    /// <summary>Whether volumes can be copied: snapshots, clones, restores.</summary>
    public bool SupportsCopies { get; }

    /// <summary>As <see cref="IVolumeManager.CreateVolumeAsync"/>, on a node that the terms admit.</summary>
    /// <exception cref="StorageException">ResourceExhausted: no such node has room.</exception>
    public Task<VolumeInfo> CreateVolumeAsync(VolumeSpec spec, NodeTerms where, CancellationToken cancellationToken);

    /// <summary>As <see cref="IVolumeManager.GetCapacity"/>, over the nodes that the terms admit.</summary>
    public PoolCapacity GetCapacity(string? pool, AccessType access, string? fileSystem, NodeTerms where);

    /// <exception cref="StorageException">NotFound.</exception>
    public string NodeOf(string volumeId);
}
