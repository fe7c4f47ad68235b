using Cscm.Kubernetes;
using Microsoft.Extensions.Logging;

namespace Cscm.Csi.Controller.Cluster;

/// <summary>
/// A node whose Node object was deleted is gone for good, and so is its memory: what is left to delete on it is let go. A node that is
/// only down keeps everything: its memory is persistent and it may come back. Thread-safe.
/// </summary>
internal sealed partial class NodeLoss(IKubernetes client, EventRecorder events, ILogger logger)
{
    /// <exception cref="KubernetesException">The server could not be asked: then nothing is known.</exception>
    public async Task<bool> IsLostAsync(string node, CancellationToken cancellationToken)
    {
        try
        {
            await client.GetAsync(Resources.Nodes, node, cancellationToken);
            return false;
        }
        catch (KubernetesException e) when (e.IsNotFound)
        {
            return true;
        }
    }

    /// <summary>Lets an object that is to be deleted go if its node is gone for good.</summary>
    /// <returns>Whether it was let go.</returns>
    public async Task<bool> ReleaseIfLostAsync<T>(
        IKubernetes api, Resource<T> resource, Informer<T> cache, T item, string node, CancellationToken cancellationToken)
        where T : KubernetesObject
    {
        if (!await IsLostAsync(node, cancellationToken))
            return false;
        LogReleased(logger, resource.Kind, item.Metadata.Name, node);
        await events.RecordAsync(
            item, resource, isWarning: true, "NodeGone", $"node {node} no longer exists: {item.Metadata.Name} is let go, its content is lost with the node", cancellationToken);
        try
        {
            T current = await api.GetAsync(resource, item.Metadata.Name, cancellationToken);
            if (current.Metadata.Uid != item.Metadata.Uid || current.Metadata.DeletionTimestamp is null)
                return false;
            await api.ReplaceAsync(
                resource,
                current with { Metadata = current.Metadata with { Finalizers = [.. (current.Metadata.Finalizers ?? []).Where(name => name != ScmNames.Finalizer)] } },
                cancellationToken);
        }
        catch (KubernetesException e) when (e.IsNotFound)
        {
            // Someone was faster.
        }
        cache.ObserveGone(item);
        return true;
    }

    [LoggerMessage(EventId = 70, Level = LogLevel.Warning, Message = "{Kind} {Name} is released: its node {Node} no longer exists")]
    private static partial void LogReleased(ILogger logger, string kind, string name, string node);
}
