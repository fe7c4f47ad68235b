using Cscm.Storage;

namespace Cscm.Csi.Controller;

/// <summary>Standalone placement: everything is on this node, or nowhere. Thread-safe.</summary>
public sealed class SingleNode(IVolumeManager volumes, DriverInfo driver) : IPlacement
{
    public bool SupportsCopies => volumes.ListPools().Any(pool => pool.SupportsSnapshots);

    public Task<VolumeInfo> CreateVolumeAsync(VolumeSpec spec, NodeTerms where, CancellationToken cancellationToken)
        => where.Admits(driver.NodeId) ? volumes.CreateVolumeAsync(spec, cancellationToken) : throw new StorageException(
            StorageErrorKind.ResourceExhausted,
            $"no requisite topology includes this node ({driver.NodeKey}={driver.NodeId}): let the scheduler choose the node (volumeBindingMode: WaitForFirstConsumer)");

    public PoolCapacity GetCapacity(string? pool, AccessType access, string? fileSystem, NodeTerms where)
        => where.Admits(driver.NodeId) ? volumes.GetCapacity(pool, access, fileSystem) : default;

    public string NodeOf(string volumeId) => driver.NodeId;
}
