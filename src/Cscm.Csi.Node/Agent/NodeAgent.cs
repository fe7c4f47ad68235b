using Cscm.Kubernetes;
using Cscm.Storage;
using Microsoft.Extensions.Logging;

namespace Cscm.Csi.Node.Agent;

/// <summary>
/// Carries out what the cluster's objects ask of this node, over its local volumes, and publishes what they and the pools have become.
/// Mounting needs none of it: NodeService works from local state, with or without an API server. Stopping touches no volume.
/// </summary>
public sealed partial class NodeAgent : IDisposable
{
    private const string VolumePrefix = "v/", SnapshotPrefix = "s/";
    private static readonly TimeSpan s_stopPatience = TimeSpan.FromSeconds(10);

    private readonly string _node;
    private readonly NodeAgentOptions _options;
    private readonly ILogger _logger;
    private readonly Informer<ScmVolume> _volumeObjects;
    private readonly Informer<ScmSnapshot> _snapshotObjects;
    private readonly VolumeReconciler _volumes;
    private readonly SnapshotReconciler _snapshots;
    private readonly NodeReporter _reporter;
    private readonly OrphanCollector _orphans;
    private readonly WorkQueue _queue;

    public NodeAgent(IKubernetes client, IVolumeManager volumes, string node, NodeAgentOptions options, InformerOptions watching, ILogger logger)
    {
        (_node, _options, _logger) = (node, options, logger);
        string selector = ScmNames.NodeSelector(node);
        _volumeObjects = new(client, Resources.Volumes, selector, watching, logger) { Changed = (item, _) => Enqueue(VolumePrefix, item.Metadata.Name, item.Spec.Node) };
        _snapshotObjects = new(client, Resources.Snapshots, selector, watching, logger) { Changed = (item, _) => Enqueue(SnapshotPrefix, item.Metadata.Name, item.Spec.Node) };
        _reporter = new NodeReporter(client, volumes, node, options, logger);
        _volumes = new VolumeReconciler(new ObjectWriter<ScmVolume>(client, Resources.Volumes, _volumeObjects), volumes, _reporter, options.UnmountPatience);
        _snapshots = new SnapshotReconciler(new ObjectWriter<ScmSnapshot>(client, Resources.Snapshots, _snapshotObjects), volumes, _reporter);
        _orphans = new OrphanCollector(volumes, _volumeObjects, _snapshotObjects, _reporter, new EventRecorder(client, "cscm-node", node, logger), options, logger);
        _queue = new WorkQueue(ReconcileAsync, options.Parallel, options.FirstPause, options.LongestPause);
    }

    /// <summary>Runs until cancelled; then finishes what it is at, within bounds.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        Task[] loops =
        [
            _volumeObjects.RunAsync(cancellationToken), _snapshotObjects.RunAsync(cancellationToken), _reporter.RunAsync(cancellationToken), ScanAsync(cancellationToken),
        ];
        await Task.WhenAll(loops);
        await _queue.StopAsync(s_stopPatience);
    }

    public void Dispose() => _queue.Dispose();

    private void Enqueue(string prefix, string name, string node)
    {
        // The label selects; the spec decides.
        if (node == _node)
            _queue.Add(prefix + name);
    }

    private async Task<bool> ReconcileAsync(string key, CancellationToken cancellationToken)
    {
        string name = key[VolumePrefix.Length..];
        try
        {
            return key.StartsWith(VolumePrefix, StringComparison.Ordinal)
                ? await _volumes.ReconcileAsync(name, cancellationToken)
                : await _snapshots.ReconcileAsync(name, cancellationToken);
        }
        catch (KubernetesException e)
        {
            LogLater(_logger, name, e.Message);
            return false;
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            LogFault(_logger, e, name);
            return false;
        }
    }

    /// <summary>Looks from time to time for what changed without an order.</summary>
    private async Task ScanAsync(CancellationToken cancellationToken)
    {
        using var timer = new PeriodicTimer(_options.ScanEvery);
        try
        {
            await Task.WhenAll(_volumeObjects.Synced, _snapshotObjects.Synced).WaitAsync(cancellationToken);
            while (await timer.WaitForNextTickAsync(cancellationToken))
            {
                _reporter.Nudge();
                foreach (string name in _volumes.FindChanged(_volumeObjects.Items))
                    _queue.Add(VolumePrefix + name);
                await _orphans.CollectAsync(cancellationToken);
            }
        }
        catch (OperationCanceledException)
        {
            // Stopping.
        }
    }

    [LoggerMessage(EventId = 80, Level = LogLevel.Warning, Message = "{Name}: the API server could not be told, trying again later: {Why}")]
    private static partial void LogLater(ILogger logger, string name, string why);

    [LoggerMessage(EventId = 81, Level = LogLevel.Error, Message = "{Name} could not be reconciled, trying again later")]
    private static partial void LogFault(ILogger logger, Exception exception, string name);
}
