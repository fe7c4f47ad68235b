namespace Cscm.Storage;

/// <summary>
/// Brings volumes to the paths where a container runtime wants them. Same promises as <see cref="IVolumeManager"/>:
/// idempotent, restartable, parallel over volumes, Aborted on a volume in flight. Target paths are resolved without
/// following a symbolic link in any component.
/// </summary>
public interface IVolumePublisher
{
    /// <summary>Mounts the volume at the staging path (block access: attaches it).</summary>
    /// <exception cref="StorageException">
    /// NotFound: no such volume. AlreadyExists: staged there with other options. FailedPrecondition: staged elsewhere, or what the
    /// settings require (DAX) could not be proven. InvalidArgument: paths, flags or options that cannot be.
    /// </exception>
    public Task StageAsync(StageRequest request, CancellationToken cancellationToken);

    /// <summary>Undoes a stage; a volume not staged there is a success.</summary>
    public Task UnstageAsync(string volumeId, string stagingPath, CancellationToken cancellationToken);

    /// <summary>Binds the staged volume to the target path, which is made if it does not exist (its parent must).</summary>
    public Task PublishAsync(PublishRequest request, CancellationToken cancellationToken);

    /// <summary>Undoes a publish and removes the target path; one not published there is a success.</summary>
    public Task UnpublishAsync(string volumeId, string targetPath, CancellationToken cancellationToken);

    /// <param name="volumeId">The volume.</param>
    /// <param name="volumePath">A path at which it is staged or published.</param>
    /// <param name="cancellationToken">Cancels the wait.</param>
    /// <exception cref="StorageException">NotFound: no such volume, or it is not at that path.</exception>
    public ValueTask<VolumeStats> GetStatsAsync(string volumeId, string volumePath, CancellationToken cancellationToken);

    /// <summary>Grows the file system of a staged volume to the size that the volume has.</summary>
    public Task<ExpandResult> ExpandOnNodeAsync(string volumeId, string volumePath, SizeRange size, CancellationToken cancellationToken);

    /// <summary>Findings about a volume, those included that only its mounts can tell.</summary>
    /// <param name="volumeId">The volume.</param>
    /// <param name="volumePath">Where it should be staged or published; null to look at the volume alone.</param>
    /// <param name="cancellationToken">Cancels the wait.</param>
    public ValueTask<IReadOnlyList<HealthFinding>> GetHealthAsync(string volumeId, string? volumePath, CancellationToken cancellationToken);
}
