using Cscm.Kubernetes;
using Cscm.Storage;

namespace Cscm.Csi.Controller.Cluster;

/// <summary>
/// What orders on volumes and on snapshots share: write an object, then wait until its node has answered. The watch brings the answer
/// without a request; when it is late the object is read. A node that is gone for good is not waited for. Thread-safe.
/// </summary>
internal sealed class Orders<T>(IKubernetes client, Resource<T> resource, Informer<T> cache, Informer<ScmNode> nodes, NodeLoss losses)
    where T : KubernetesObject
{
    private const int MaximumConflicts = 10;

    /// <summary>After which a watch is taken to be late.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);

    /// <summary>
    /// After which a node that does not answer is looked for. The ScmNode of a node that was deleted goes with it: one that is still there
    /// is most likely waiting for the kubelet to unmount.
    /// </summary>
    private static readonly TimeSpan s_nodePatience = TimeSpan.FromSeconds(2), s_knownNodePatience = TimeSpan.FromSeconds(20);

    /// <summary>For how long an object that ended here is known to be gone: sidecars that heard late ask once more.</summary>
    private static readonly TimeSpan s_endedFor = TimeSpan.FromSeconds(30);

    private readonly RecentNames _ended = new(s_endedFor);

    /// <summary>Writes a new object, or finds the one that is there.</summary>
    public async Task<(T Item, bool IsNew)> PlaceAsync(T item, CancellationToken cancellationToken)
    {
        _ended.Remove(item.Metadata.Name);
        try
        {
            T created = await client.CreateAsync(resource, item, cancellationToken);
            cache.Observe(created);
            return (created, true);
        }
        catch (KubernetesException e) when (e.IsAlreadyExists)
        {
            // Another replica's, or our own whose answer was lost.
            T? existing = await ReadAsync(item.Metadata.Name, cancellationToken);
            return existing is null ? await PlaceAsync(item, cancellationToken) : (existing, false);
        }
    }

    /// <summary>The object as the cache has it; if it has none, as the server has it, unless it ended here just now.</summary>
    public async Task<T?> FindAsync(string name, CancellationToken cancellationToken)
        => cache.Find(name) ?? (_ended.Contains(name) ? null : await ReadAsync(name, cancellationToken));

    /// <summary>Reads past the cache.</summary>
    public async Task<T?> ReadAsync(string name, CancellationToken cancellationToken)
    {
        try
        {
            T read = await client.GetAsync(resource, name, cancellationToken);
            cache.Observe(read);
            return read;
        }
        catch (KubernetesException e) when (e.IsNotFound)
        {
            if (cache.Find(name) is { } stale)
                cache.ObserveGone(stale);
            return null;
        }
    }

    /// <summary>Changes the object, on top of whatever others wrote.</summary>
    /// <returns>Null if it no longer exists.</returns>
    public async Task<T?> ChangeAsync(T item, Func<T, T> change, CancellationToken cancellationToken)
    {
        T? current = item;
        for (int tries = 1; current is not null; tries++)
        {
            try
            {
                T written = await client.ReplaceAsync(resource, change(current), cancellationToken);
                cache.Observe(written);
                return written;
            }
            catch (KubernetesException e) when (e.IsConflict && tries < MaximumConflicts)
            {
                current = await ReadAsync(item.Metadata.Name, cancellationToken);
            }
            catch (KubernetesException e) when (e.IsNotFound)
            {
                return null;
            }
        }
        return null;
    }

    /// <summary>Waits until this incarnation is as wanted.</summary>
    /// <returns>The object; null if it is gone.</returns>
    public async Task<T?> AwaitAsync(T item, Func<T, bool> isWanted, CancellationToken cancellationToken)
    {
        bool IsDone(T? current) => current is null || current.Metadata.Uid != item.Metadata.Uid || isWanted(current);
        while (true)
        {
            using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            patience.CancelAfter(s_patience);
            try
            {
                T? current = await cache.WaitAsync(item.Metadata.Name, IsDone, patience.Token);
                return current?.Metadata.Uid == item.Metadata.Uid ? current : null;
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                await ReadAsync(item.Metadata.Name, cancellationToken);
            }
        }
    }

    /// <summary>Ends the object and waits until its node let it go, refused, or turned out to be gone for good.</summary>
    /// <param name="item">The incarnation.</param>
    /// <param name="node">Who holds what it stands for.</param>
    /// <param name="refusal">What its node says against it, if it does; of a generation.</param>
    /// <param name="cancellationToken">Gives up waiting; the end stays ordered.</param>
    public async Task EndAsync(T item, string node, Func<T, long, StorageException?> refusal, CancellationToken cancellationToken)
    {
        bool isRepeated = item.Metadata.DeletionTimestamp is not null;
        if (!isRepeated)
            await client.DeleteAsync(resource, item.Metadata.Name, item.Metadata.Uid, cancellationToken);
        // An old refusal is no answer to a repeated order: the node tries again by itself, and may succeed now.
        long since = TimeProvider.System.GetTimestamp();
        T? answered = await WaitForEndAsync(item, current => !isRepeated && RefusalOf(current, refusal) is not null, s_nodePatience, cancellationToken);
        while (answered is not null && RefusalOf(answered, refusal) is null
            && nodes.Find(node) is not null && TimeProvider.System.GetElapsedTime(since) < s_knownNodePatience)
            answered = await WaitForEndAsync(answered, current => RefusalOf(current, refusal) is not null, s_nodePatience, cancellationToken);
        if (answered is not null && RefusalOf(answered, refusal) is null)
        {
            await losses.ReleaseIfLostAsync(client, resource, cache, answered, node, cancellationToken);
            answered = await AwaitAsync(answered, current => RefusalOf(current, refusal) is not null, cancellationToken);
        }
        if (answered is not null)
            throw RefusalOf(answered, refusal)!;
        _ended.Add(item.Metadata.Name);
    }

    private static StorageException? RefusalOf(T item, Func<T, long, StorageException?> refusal)
        => item.Metadata.DeletionTimestamp is null ? null : refusal(item, item.Metadata.Generation ?? 0);

    private async Task<T?> WaitForEndAsync(T item, Func<T, bool> isWanted, TimeSpan atMost, CancellationToken cancellationToken)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(atMost);
        try
        {
            return await AwaitAsync(item, isWanted, patience.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return cache.Find(item.Metadata.Name) is { } current && current.Metadata.Uid == item.Metadata.Uid ? current : null;
        }
    }
}
