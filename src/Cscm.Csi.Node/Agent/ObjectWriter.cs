using Cscm.Kubernetes;

namespace Cscm.Csi.Node.Agent;

/// <summary>Writes this node's part of an object: its status, and at the end its finalizer away. Thread-safe.</summary>
internal sealed class ObjectWriter<T>(IKubernetes client, Resource<T> resource, Informer<T> cache)
    where T : KubernetesObject
{
    private const string Owner = "cscm-node";
    private const int MaximumConflicts = 10;

    public T? Find(string name) => cache.Find(name);

    /// <summary>Writes the status of this incarnation.</summary>
    /// <param name="item">Has the new status.</param>
    /// <param name="withStatus">An object of the status alone.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>False if this incarnation no longer exists; the cache knows it then.</returns>
    public async Task<bool> WriteStatusAsync(T item, T withStatus, CancellationToken cancellationToken)
    {
        try
        {
            T named = withStatus with { Metadata = new ObjectMeta { Name = item.Metadata.Name, Uid = item.Metadata.Uid } };
            cache.Observe(await client.ApplyAsync(resource, named, Owner, "status", cancellationToken));
            return true;
        }
        catch (KubernetesException e) when (e.IsNotFound || e.IsConflict)
        {
            await LookAgainAsync(item, cancellationToken);
            return false;
        }
    }

    /// <summary>Lets the object go.</summary>
    public async Task ReleaseAsync(T item, CancellationToken cancellationToken)
    {
        T current = item;
        for (int tries = 1; ; tries++)
        {
            try
            {
                ObjectMeta metadata = current.Metadata with { Finalizers = [.. (current.Metadata.Finalizers ?? []).Where(name => name != ScmNames.Finalizer)] };
                await client.ReplaceAsync(resource, current with { Metadata = metadata }, cancellationToken);
                return;
            }
            catch (KubernetesException e) when (e.IsConflict && tries < MaximumConflicts)
            {
                try
                {
                    current = await client.GetAsync(resource, item.Metadata.Name, cancellationToken);
                }
                catch (KubernetesException gone) when (gone.IsNotFound)
                {
                    return;
                }
                if (current.Metadata.Uid != item.Metadata.Uid)
                    return;
            }
            catch (KubernetesException e) when (e.IsNotFound)
            {
                return;
            }
        }
    }

    private async Task LookAgainAsync(T item, CancellationToken cancellationToken)
    {
        try
        {
            cache.Observe(await client.GetAsync(resource, item.Metadata.Name, cancellationToken));
        }
        catch (KubernetesException e) when (e.IsNotFound)
        {
            cache.ObserveGone(item);
        }
    }
}
