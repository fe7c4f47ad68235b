using Cscm.Kubernetes;
using Cscm.Storage;
using Microsoft.Extensions.Logging;

namespace Cscm.Csi.Node.Agent;

/// <summary>
/// Finds volumes of this machine that no object of the cluster stands for (someone took an object's finalizer away, or restored an
/// older cluster) and reports or deletes them, as told. Used by one thread.
/// </summary>
internal sealed partial class OrphanCollector(
    IVolumeManager volumes, Informer<ScmVolume> objects, NodeReporter reporter, EventRecorder events, NodeAgentOptions options, ILogger logger)
{
    private readonly Dictionary<string, long> _seenSince = new(StringComparer.Ordinal);

    public async Task CollectAsync(CancellationToken cancellationToken)
    {
        if (options.Orphans == OrphanPolicy.Off || reporter.Current is not { } node)
            return;
        VolumeInfo[] orphans = [.. volumes.ListVolumes().Where(volume => !volume.IsEphemeral && objects.Find(volume.Id) is null)];
        foreach (string gone in _seenSince.Keys.Except(orphans.Select(orphan => orphan.Id)).ToArray())
            _seenSince.Remove(gone);
        foreach (VolumeInfo orphan in orphans)
        {
            long now = TimeProvider.System.GetTimestamp();
            _seenSince.TryAdd(orphan.Id, now);
            if (TimeProvider.System.GetElapsedTime(_seenSince[orphan.Id], now) >= options.OrphanAge)
                await CollectAsync(orphan, node, cancellationToken);
        }
    }

    private async Task CollectAsync(VolumeInfo orphan, ScmNode node, CancellationToken cancellationToken)
    {
        string what = $"volume {orphan.Id} ({orphan.Name}, {orphan.CapacityBytes} bytes in pool {orphan.Pool}) has no ScmVolume";
        if (options.Orphans == OrphanPolicy.Report)
        {
            await events.RecordAsync(
                node, Resources.ScmNodes, isWarning: true, "OrphanVolume", $"{what}: it is kept; --orphans=delete would delete it", cancellationToken);
            return;
        }
        try
        {
            await volumes.DeleteVolumeAsync(orphan.Id, cancellationToken);
        }
        catch (StorageException e)
        {
            LogKept(logger, orphan.Id, e.Message);
            return;
        }
        reporter.Nudge();
        await events.RecordAsync(node, Resources.ScmNodes, isWarning: true, "OrphanVolumeDeleted", $"{what}: deleted", cancellationToken);
    }

    [LoggerMessage(EventId = 84, Level = LogLevel.Warning, Message = "orphan volume {Volume} cannot be deleted now: {Why}")]
    private static partial void LogKept(ILogger logger, string volume, string why);
}
