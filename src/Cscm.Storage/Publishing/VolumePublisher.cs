using Cscm.Storage.Linux;
using Cscm.Storage.Pools;
using Cscm.Storage.State;
using Cscm.Storage.Volumes;

namespace Cscm.Storage.Publishing;

/// <summary>The face of the mounts: each call goes to the room that knows it.</summary>
internal sealed class VolumePublisher(
    Catalog catalog, Mountings mountings, Freezer freezer, Stager stager, TargetPublisher targets, EphemeralPublisher ephemerals) : IVolumePublisher
{
    public Task StageAsync(StageRequest request, CancellationToken cancellationToken)
        => ErrorBoundary.RunAsync(() => stager.StageAsync(request, cancellationToken));

    public Task UnstageAsync(string volumeId, string stagingPath, CancellationToken cancellationToken) => ErrorBoundary.RunAsync(() =>
    {
        stager.Unstage(volumeId, stagingPath);
        return Task.CompletedTask;
    });

    public Task PublishAsync(PublishRequest request, CancellationToken cancellationToken) => ErrorBoundary.RunAsync(async () =>
    {
        TargetPaths.RequireWellFormed(request.TargetPath, "target path");
        catalog.RequireForeign(request.TargetPath, "target path");
        using IDisposable hold = catalog.InFlight.Enter(ObjectIds.KeyOf(request.VolumeId));
        if (request.Ephemeral is { } spec)
            await ephemerals.PublishAsync(request, spec, cancellationToken);
        else
            targets.Publish(catalog.RequireVolume(request.VolumeId), request);
    });

    public Task UnpublishAsync(string volumeId, string targetPath, CancellationToken cancellationToken) => ErrorBoundary.RunAsync(() =>
    {
        TargetPaths.RequireWellFormed(targetPath, "target path");
        string key = ObjectIds.KeyOf(volumeId);
        using IDisposable hold = catalog.InFlight.Enter(key);
        VolumeRecord? volume = catalog.Volumes.Find(key);
        if (volume is null || volume.Id != volumeId)
            return Task.CompletedTask;
        if (volume.IsEphemeral)
            ephemerals.Unpublish(volume, targetPath);
        else if (volume.Targets.FirstOrDefault(target => target.Path == targetPath) is { } published)
            targets.Unpublish(volume, published);
        return Task.CompletedTask;
    });

    public ValueTask<VolumeStats> GetStatsAsync(string volumeId, string volumePath, CancellationToken cancellationToken)
        => new(ErrorBoundary.RunAsync(() =>
        {
            VolumeRecord volume = RequireAt(volumeId, volumePath);
            if (volume.Access == AccessType.Block)
                return Task.FromResult(new VolumeStats(volume.CapacityBytes, 0, 0, 0, 0, 0));
            using SafePath mount = mountings.OpenMounted(volume, volumePath);
            return Task.FromResult(FileSystemControl.GetStats(mount));
        }));

    public Task<ExpandResult> ExpandOnNodeAsync(string volumeId, string volumePath, SizeRange size, CancellationToken cancellationToken)
        => ErrorBoundary.RunAsync(() =>
        {
            using IDisposable hold = catalog.InFlight.Enter(ObjectIds.KeyOf(volumeId));
            VolumeRecord volume = RequireAt(volumeId, volumePath);
            if (size.RequiredBytes < 0 || size.LimitBytes < 0)
                throw new StorageException(StorageErrorKind.InvalidArgument, $"sizes must not be negative: required {size.RequiredBytes}, limit {size.LimitBytes}");
            if (size.RequiredBytes > volume.CapacityBytes || (size.LimitBytes > 0 && size.LimitBytes < volume.CapacityBytes))
                throw new StorageException(StorageErrorKind.OutOfRange, $"volume {volumeId} has {volume.CapacityBytes} bytes, which required {size.RequiredBytes} and limit {size.LimitBytes} do not allow: expand it at the controller first");
            IScmPool pool = catalog.PoolOf(volume);
            if (volume.Access == AccessType.Mount && volume.FileSystemBytes < volume.BackingBytes)
            {
                using SafePath mount = freezer.OpenMount(volume) ?? throw new StorageException(
                    StorageErrorKind.FailedPrecondition, $"volume {volumeId} is mounted nowhere any more: stage it again, which grows it too");
                pool.GrowFileSystem(volume, mount);
                catalog.Write(volume with { FileSystemBytes = volume.BackingBytes }, isDurable: false);
            }
            return Task.FromResult(new ExpandResult(volume.CapacityBytes, false));
        });

    public ValueTask<IReadOnlyList<HealthFinding>> GetHealthAsync(string volumeId, string? volumePath, CancellationToken cancellationToken)
        => new(ErrorBoundary.RunAsync(() =>
        {
            VolumeRecord volume = catalog.RequireVolume(volumeId);
            IReadOnlyList<HealthFinding> findings = [.. catalog.Examine(volume), .. ExamineMount(volume, volumePath)];
            return Task.FromResult(findings);
        }));

    private IEnumerable<HealthFinding> ExamineMount(VolumeRecord volume, string? path)
    {
        if (path is null || (volume.Access == AccessType.Block && volume.Stage?.Path == path && mountings.IsStaged(volume)))
            yield break;
        if (!mountings.IsMountedAt(volume, path))
        {
            yield return new HealthFinding(HealthKind.Inaccessible, "NotMounted", $"volume {volume.Id} is not mounted at {path}: unpublish and unstage it, then stage and publish it again");
            yield break;
        }
        bool mayWrite = volume.Stage is not { IsReadOnly: true };
        MountEntry? entry = MountTable.Read().LastOrDefault(mount => mount.MountPoint == path);
        if (mayWrite && volume.Access == AccessType.Mount && entry is not null && entry.SuperOptions.Split(',').Contains("ro"))
        {
            yield return new HealthFinding(
                HealthKind.Degraded, "FileSystemReadOnly", $"the kernel made the file system of {volume.Id} read-only after an error: unstage it, check it, and stage it again");
        }
    }

    private VolumeRecord RequireAt(string volumeId, string path)
    {
        VolumeRecord volume = catalog.RequireVolume(volumeId);
        bool isThere = volume.Stage?.Path == path || volume.Targets.Any(target => target.Path == path);
        return isThere ? volume : throw new StorageException(StorageErrorKind.NotFound, $"volume {volumeId} is neither staged nor published at that path");
    }
}
