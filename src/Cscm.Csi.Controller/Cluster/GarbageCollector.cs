using Cscm.Kubernetes;
using Microsoft.Extensions.Logging;

namespace Cscm.Csi.Controller.Cluster;

/// <summary>What to do about volumes that no PersistentVolume stands for.</summary>
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
/// The leader's sweep. Volumes whose PersistentVolume is gone were left by a claim that someone tore out by force; objects that wait for
/// a node that is gone for good wait for ever. The other direction, volumes without an object, is the node agents' (OrphanCollector).
/// </summary>
internal sealed partial class GarbageCollector(
    IKubernetes client, ClusterState state, NodeLoss losses, EventRecorder events, GarbageOptions options, ILogger logger)
{
    private const int PageSize = 500;

    /// <summary>Found without a PersistentVolume by the sweep before: only what two sweeps agree on is deleted.</summary>
    private HashSet<string> _suspects = new(StringComparer.Ordinal);

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
        DateTimeOffset oldest = TimeProvider.System.GetUtcNow() - options.OrphanAge;
        // Looked at before the PersistentVolumes are read: one that is made meanwhile has its volume in neither list.
        ScmVolume[] old =
        [
            .. state.Volumes.Items.Where(volume => volume is { Status.Phase: ScmPhase.Ready, Metadata.DeletionTimestamp: null } && volume.Metadata.CreationTimestamp <= oldest),
        ];
        if (old.Length == 0)
            return;
        HashSet<string> claimed = await ReadHandlesAsync(cancellationToken);
        ScmVolume[] orphans = [.. old.Where(volume => !claimed.Contains(volume.Metadata.Name))];
        foreach (ScmVolume orphan in orphans)
            await CollectAsync(orphan, cancellationToken);
        _suspects = [.. orphans.Select(KeyOf)];
    }

    private async Task CollectAsync(ScmVolume orphan, CancellationToken cancellationToken)
    {
        string what = $"no PersistentVolume stands for volume {orphan.Metadata.Name} ({orphan.Spec.VolumeName}) on node {orphan.Spec.Node}";
        if (options.Orphans == OrphanPolicy.Report)
        {
            await events.RecordAsync(
                orphan, Resources.Volumes, isWarning: true, "OrphanVolume",
                $"{what}: it is kept; delete it with kubectl delete scmvolume {orphan.Metadata.Name}, or run the controller with --orphans=delete", cancellationToken);
        }
        else if (_suspects.Contains(KeyOf(orphan)))
        {
            LogDeleted(logger, orphan.Metadata.Name, orphan.Spec.Node);
            await events.RecordAsync(orphan, Resources.Volumes, isWarning: true, "OrphanVolumeDeleted", $"{what}: it is deleted", cancellationToken);
            await client.DeleteAsync(Resources.Volumes, orphan.Metadata.Name, orphan.Metadata.Uid, cancellationToken);
        }
    }

    private async Task<HashSet<string>> ReadHandlesAsync(CancellationToken cancellationToken)
    {
        var handles = new HashSet<string>(StringComparer.Ordinal);
        string? next = null;
        do
        {
            ObjectList<PersistentVolume> page = await client.ListAsync(Resources.PersistentVolumes, new ListQuery(null, PageSize, next), cancellationToken);
            foreach (PersistentVolume volume in page.Items)
            {
                if (volume.Spec.Csi?.Driver == options.DriverName)
                    handles.Add(volume.Spec.Csi.VolumeHandle);
            }
            next = page.Metadata.Continue;
        }
        while (!string.IsNullOrEmpty(next));
        return handles;
    }

    private static string KeyOf(ScmVolume volume) => $"{volume.Metadata.Name} {volume.Metadata.Uid}";

    [LoggerMessage(EventId = 71, Level = LogLevel.Warning, Message = "the sweep is put off to the next: {Why}")]
    private static partial void LogPutOff(ILogger logger, string why);

    [LoggerMessage(EventId = 72, Level = LogLevel.Warning, Message = "volume {Volume} on node {Node} is deleted: no PersistentVolume stands for it")]
    private static partial void LogDeleted(ILogger logger, string volume, string node);
}
