using Cscm.Kubernetes;
using Cscm.Storage;
using Microsoft.Extensions.Logging;

namespace Cscm.Csi.Node.Agent;

/// <summary>
/// Finds volumes and snapshots of this machine that no object of the cluster stands for (someone took an object's finalizer away, or
/// restored an older cluster) and reports or deletes them, as told. Used by one thread.
/// </summary>
internal sealed partial class OrphanCollector(
    IVolumeManager volumes, Informer<ScmVolume> volumeObjects, Informer<ScmSnapshot> snapshotObjects, NodeReporter reporter, EventRecorder events,
    NodeAgentOptions options, ILogger logger)
{
    private readonly Dictionary<string, long> _seenSince = new(StringComparer.Ordinal);

    public async Task CollectAsync(CancellationToken cancellationToken)
    {
        if (options.Orphans == OrphanPolicy.Off || reporter.Current is not { } node)
            return;
        Orphan[] orphans = [.. FindVolumes(), .. FindSnapshots(), .. FindGroups()];
        foreach (string gone in _seenSince.Keys.Except(orphans.Select(orphan => orphan.Id)).ToArray())
            _seenSince.Remove(gone);
        foreach (Orphan orphan in orphans)
        {
            long now = TimeProvider.System.GetTimestamp();
            _seenSince.TryAdd(orphan.Id, now);
            if (TimeProvider.System.GetElapsedTime(_seenSince[orphan.Id], now) >= options.OrphanAge)
                await CollectAsync(orphan, node, cancellationToken);
        }
    }

    private IEnumerable<Orphan> FindVolumes() => volumes.ListVolumes()
        .Where(volume => !volume.IsEphemeral && volumeObjects.Find(volume.Id) is null)
        .Select(volume => new Orphan(
            volume.Id, "OrphanVolume", $"volume {volume.Id} ({volume.Name}, {volume.CapacityBytes} bytes in pool {volume.Pool}) has no ScmVolume",
            token => volumes.DeleteVolumeAsync(volume.Id, token)));

    private IEnumerable<Orphan> FindSnapshots() => volumes.ListSnapshots()
        .Where(snapshot => snapshot.GroupId.Length == 0 && snapshotObjects.Find(snapshot.Id) is null)
        .Select(snapshot => new Orphan(
            snapshot.Id, "OrphanSnapshot", $"snapshot {snapshot.Id} ({snapshot.Name}, of volume {snapshot.SourceVolumeId}, in pool {snapshot.Pool}) has no ScmSnapshot",
            token => volumes.DeleteSnapshotAsync(snapshot.Id, token)));

    private IEnumerable<Orphan> FindGroups() => volumes.ListSnapshots()
        .Where(snapshot => snapshot.GroupId.Length > 0 && snapshotObjects.Find(snapshot.GroupId) is null)
        .GroupBy(snapshot => snapshot.GroupId, StringComparer.Ordinal)
        .Select(group => new Orphan(
            group.Key, "OrphanSnapshot", $"group snapshot {group.Key} ({group.First().Name}, of {group.Count()} volumes) has no ScmSnapshot",
            token => volumes.DeleteGroupSnapshotAsync(group.Key, [.. group.Select(member => member.Id)], token)));

    private async Task CollectAsync(Orphan orphan, ScmNode node, CancellationToken cancellationToken)
    {
        if (options.Orphans == OrphanPolicy.Report)
        {
            await events.RecordAsync(
                node, Resources.ScmNodes, isWarning: true, orphan.Reason, $"{orphan.What}: it is kept; --orphans=delete would delete it", cancellationToken);
            return;
        }
        try
        {
            await orphan.DeleteAsync(cancellationToken);
        }
        catch (StorageException e)
        {
            LogKept(logger, orphan.Id, e.Message);
            return;
        }
        reporter.Nudge();
        await events.RecordAsync(node, Resources.ScmNodes, isWarning: true, $"{orphan.Reason}Deleted", $"{orphan.What}: deleted", cancellationToken);
    }

    /// <param name="Id">Of the volume, snapshot or group.</param>
    /// <param name="Reason">Of its events.</param>
    /// <param name="What">Names it and what it lacks.</param>
    /// <param name="DeleteAsync">Ends it.</param>
    private sealed record Orphan(string Id, string Reason, string What, Func<CancellationToken, Task> DeleteAsync);

    [LoggerMessage(EventId = 84, Level = LogLevel.Warning, Message = "orphan {Id} cannot be deleted now: {Why}")]
    private static partial void LogKept(ILogger logger, string id, string why);
}
