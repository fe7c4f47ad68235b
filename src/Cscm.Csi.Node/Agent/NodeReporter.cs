using System.Globalization;
using System.Text.Json;
using System.Threading.Channels;
using Cscm.Kubernetes;
using Cscm.Storage;
using Microsoft.Extensions.Logging;

namespace Cscm.Csi.Node.Agent;

/// <summary>
/// Publishes this node's pools, their capacity and health as its ScmNode: soon after each change, changes that come together in one
/// write, and nothing while nothing changes. Thread-safe.
/// </summary>
internal sealed partial class NodeReporter(IKubernetes client, IVolumeManager volumes, string node, NodeAgentOptions options, ILogger logger)
{
    private const string Owner = "cscm-node";

    private readonly Channel<bool> _nudges = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private byte[]? _published;
    private ScmNode? _object;

    /// <summary>This node's object once it was published.</summary>
    public ScmNode? Current => _object;

    /// <summary>Says that something may have changed.</summary>
    public void Nudge() => _nudges.Writer.TryWrite(true);

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        var backoff = new Backoff(options.FirstPause, options.LongestPause);
        Nudge();
        while (!cancellationToken.IsCancellationRequested)
        {
            try
            {
                await _nudges.Reader.ReadAsync(cancellationToken);
                if (_published is not null)
                    await Task.Delay(options.GatherFor, cancellationToken);
                await PublishAsync(cancellationToken);
                backoff.Reset();
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                return;
            }
            catch (KubernetesException e)
            {
                if (e.IsNotFound)
                    (_published, _object) = (null, null);
                LogLater(logger, node, e.Message);
                Nudge();
                await Task.Delay(backoff.Next(), cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private async Task PublishAsync(CancellationToken cancellationToken)
    {
        ScmNodeStatus status = Look();
        var named = new ScmNode { Metadata = new ObjectMeta { Name = node }, Status = status };
        byte[] bytes = JsonSerializer.SerializeToUtf8Bytes(named, Resources.ScmNodes.Item);
        if (_published is not null && bytes.AsSpan().SequenceEqual(_published))
            return;
        if (_object is null)
            await client.ApplyAsync(Resources.ScmNodes, await DescribeAsync(cancellationToken), Owner, null, cancellationToken);
        _object = await client.ApplyAsync(Resources.ScmNodes, named, Owner, "status", cancellationToken);
        _published = bytes;
    }

    /// <summary>The object itself. It ends with its Node, by whose deletion a node is known to be gone for good.</summary>
    private async Task<ScmNode> DescribeAsync(CancellationToken cancellationToken)
    {
        IReadOnlyList<OwnerReference>? owners = null;
        try
        {
            Kubernetes.Node owner = await client.GetAsync(Resources.Nodes, node, cancellationToken);
            owners = [new OwnerReference("v1", "Node", node, owner.Metadata.Uid ?? "")];
        }
        catch (KubernetesException e) when (e.IsNotFound)
        {
            LogNoNode(logger, node);
        }
        return new ScmNode
        {
            Metadata = new ObjectMeta { Name = node, Labels = new Dictionary<string, string> { [ScmNames.NodeLabel] = ScmNames.LabelValue(node) }, OwnerReferences = owners },
        };
    }

    private ScmNodeStatus Look()
    {
        IReadOnlyList<PoolHealth> health = volumes.GetPoolHealth();
        IReadOnlyList<PoolInfo> pools = volumes.ListPools();
        return new ScmNodeStatus
        {
            DriverVersion = DriverInfo.Version,
            Summary = string.Join(", ", pools.Select(pool => $"{pool.Name} {Text(pool.Capacity.AvailableBytes)}/{Text(pool.Capacity.TotalBytes)}")),
            Pools = [.. pools.Select(pool => Describe(pool, health))],
            Conditions =
            [
                Conditions.Next(
                    _object?.Status?.Conditions ?? [], "Healthy", health.Count == 0,
                    health.Count == 0 ? "Healthy" : health[0].Reason, health.Count == 0 ? "" : health[0].Message),
            ],
        };
    }

    /// <summary>In the largest binary unit that leaves at least one, as claims are written.</summary>
    private static string Text(long bytes)
    {
        string[] units = ["", "Ki", "Mi", "Gi", "Ti", "Pi"];
        int unit = 0;
        double value = bytes;
        for (; value >= 1024 && unit < units.Length - 1; unit++)
            value /= 1024;
        return string.Create(CultureInfo.InvariantCulture, $"{Math.Floor(value * 10) / 10:0.#}{units[unit]}");
    }

    private ScmPool Describe(PoolInfo pool, IReadOnlyList<PoolHealth> health) => new()
    {
        Name = pool.Name,
        Kind = pool.Kind.ToString(),
        IsDefault = pool.IsDefault,
        NumaNode = pool.NumaNode,
        SupportsSnapshots = pool.SupportsSnapshots,
        TotalBytes = pool.Capacity.TotalBytes,
        AvailableBytes = pool.Capacity.AvailableBytes,
        Offers =
        [
            .. pool.FileSystems.Select(fileSystem => Offer(pool.Name, AccessType.Mount, fileSystem)),
            .. pool.SupportsBlock ? [Offer(pool.Name, AccessType.Block, null)] : (ScmOffer[])[],
        ],
        Health = [.. health.Where(finding => finding.Pool == pool.Name).Select(finding => new ScmFinding(finding.Kind.ToString(), finding.Reason, finding.Message))],
    };

    private ScmOffer Offer(string pool, AccessType access, string? fileSystem)
    {
        PoolCapacity capacity = volumes.GetCapacity(pool, access, fileSystem);
        return new ScmOffer(access.ToString(), fileSystem, capacity.AvailableBytes, capacity.MaximumVolumeBytes, capacity.MinimumVolumeBytes);
    }

    [LoggerMessage(EventId = 82, Level = LogLevel.Warning, Message = "the state of node {Node} could not be published, trying again later: {Why}")]
    private static partial void LogLater(ILogger logger, string node, string why);

    [LoggerMessage(EventId = 83, Level = LogLevel.Warning, Message = "the cluster has no node named {Node}: give --node-name the name that kubectl get nodes shows")]
    private static partial void LogNoNode(ILogger logger, string node);
}
