using Cscm.Kubernetes;
using Microsoft.Extensions.Logging;

namespace Cscm.Csi.Controller.Cluster;

/// <summary>What to do about volumes that no PersistentVolume and snapshots that no VolumeSnapshotContent stands for.</summary>
public enum OrphanPolicy
{
    /// <summary>Nothing, and nothing is looked up.</summary>
    Off,

    /// <summary>Say so in an Event.</summary>
    Report,

    /// <summary>Delete them, and say so.</summary>
    Delete,
}

/// <summary>How the controller cleans up.</summary>
public sealed record GarbageOptions
{
    public OrphanPolicy Orphans { get; init; } = OrphanPolicy.Report;
    public TimeSpan Every { get; init; } = TimeSpan.FromHours(1);

    /// <summary>Younger volumes are let be: their PersistentVolume may be on its way.</summary>
    public TimeSpan OrphanAge { get; init; } = TimeSpan.FromHours(24);

    /// <summary>The name that PersistentVolumes know the driver by.</summary>
    public string DriverName { get; init; } = DriverInfo.Name;
}

/// <summary>
/// The leader's sweep. Volumes whose PersistentVolume is gone, and snapshots whose VolumeSnapshotContent is, were left by something that
/// someone tore out by force; objects that wait for a node that is gone for good wait for ever. The other direction, volumes and
/// snapshots without an object, is the node agents' (OrphanCollector).
/// </summary>
internal sealed partial class GarbageCollector(
    IKubernetes client, ClusterState state, NodeLoss losses, EventRecorder events, GarbageOptions options, ILogger logger)
{
    private readonly OrphanSearch _orphans = new(client, state, options.DriverName);

    /// <summary>Found by the sweep before: only what two sweeps agree on is deleted.</summary>
    private HashSet<string> _suspectVolumes = [], _suspectSnapshots = [];

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        await state.Synced.WaitAsync(cancellationToken);
        using var timer = new PeriodicTimer(options.Every);
        while (await timer.WaitForNextTickAsync(cancellationToken))
        {
            try
            {
                await SweepAsync(cancellationToken);
            }
            catch (KubernetesException e)
            {
                LogPutOff(logger, e.Message);
            }
        }
    }

    private async Task SweepAsync(CancellationToken cancellationToken)
    {
        await ReleaseAsync(Resources.Volumes, state.Volumes, volume => volume.Spec.Node, cancellationToken);
        await ReleaseAsync(Resources.Snapshots, state.Snapshots, snapshot => snapshot.Spec.Node, cancellationToken);
        if (options.Orphans != OrphanPolicy.Off)
            await CollectAsync(cancellationToken);
    }

    /// <summary>Lets go what is to be deleted and whose node is gone for good; one look per node.</summary>
    private async Task ReleaseAsync<T>(Resource<T> resource, Informer<T> cache, Func<T, string> nodeOf, CancellationToken cancellationToken)
        where T : KubernetesObject
    {
        var lost = new Dictionary<string, bool>(StringComparer.Ordinal);
        foreach (T item in cache.Items.Where(item => item.Metadata.DeletionTimestamp is not null).ToArray())
        {
            string node = nodeOf(item);
            if (!lost.TryGetValue(node, out bool isLost))
                lost[node] = isLost = await losses.IsLostAsync(node, cancellationToken);
            if (isLost)
                await losses.ReleaseIfLostAsync(client, resource, cache, item, node, cancellationToken);
        }
    }

    private async Task CollectAsync(CancellationToken cancellationToken)
    {
        DateTimeOffset before = TimeProvider.System.GetUtcNow() - options.OrphanAge;
        _suspectVolumes = await CollectAsync(
            Resources.Volumes, await _orphans.FindVolumesAsync(before, cancellationToken), _suspectVolumes, "OrphanVolume",
            volume => $"no PersistentVolume stands for volume {volume.Metadata.Name} ({volume.Spec.VolumeName}) on node {volume.Spec.Node}", cancellationToken);
        _suspectSnapshots = await CollectAsync(
            Resources.Snapshots, await _orphans.FindSnapshotsAsync(before, cancellationToken), _suspectSnapshots, "OrphanSnapshot",
            snapshot => $"no VolumeSnapshotContent stands for snapshot {snapshot.Metadata.Name} ({snapshot.Spec.SnapshotName}) on node {snapshot.Spec.Node}", cancellationToken);
    }

    /// <returns>The suspects for the next sweep.</returns>
    private async Task<HashSet<string>> CollectAsync<T>(
        Resource<T> resource, IReadOnlyList<T> orphans, HashSet<string> suspects, string reason, Func<T, string> describe, CancellationToken cancellationToken)
        where T : KubernetesObject
    {
        foreach (T orphan in orphans)
        {
            string what = describe(orphan);
            if (options.Orphans == OrphanPolicy.Report)
            {
                await events.RecordAsync(
                    orphan, resource, isWarning: true, reason,
                    $"{what}: it is kept; delete it with kubectl delete {resource.Kind.ToLowerInvariant()} {orphan.Metadata.Name}, or run the controller with --orphans=delete", cancellationToken);
            }
            else if (suspects.Contains(KeyOf(orphan)))
            {
                LogDeleted(logger, what);
                await events.RecordAsync(orphan, resource, isWarning: true, $"{reason}Deleted", $"{what}: it is deleted", cancellationToken);
                await client.DeleteAsync(resource, orphan.Metadata.Name, orphan.Metadata.Uid, cancellationToken);
            }
        }
        return [.. orphans.Select(KeyOf)];
    }

    private static string KeyOf(KubernetesObject item) => $"{item.Metadata.Name} {item.Metadata.Uid}";

    [LoggerMessage(EventId = 71, Level = LogLevel.Warning, Message = "the sweep is put off to the next: {Why}")]
    private static partial void LogPutOff(ILogger logger, string why);

    [LoggerMessage(EventId = 72, Level = LogLevel.Warning, Message = "{What}: it is deleted")]
    private static partial void LogDeleted(ILogger logger, string what);
}
