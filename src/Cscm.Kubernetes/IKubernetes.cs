namespace Cscm.Kubernetes;

/// <summary>
/// All that we ask of a Kubernetes API server. Thread-safe. Short failures (429, 5xx, connections lost) are repeated inside, with
/// back-off; what remains is a <see cref="KubernetesException"/>. Conflicts are the caller's: read again and repeat.
/// </summary>
public interface IKubernetes
{
    public Task<T> GetAsync<T>(Resource<T> resource, string name, CancellationToken cancellationToken)
        where T : KubernetesObject;

    /// <summary>One page; <see cref="ListMeta.Continue"/> leads to the next.</summary>
    public Task<ObjectList<T>> ListAsync<T>(Resource<T> resource, ListQuery query, CancellationToken cancellationToken)
        where T : KubernetesObject;

    /// <exception cref="KubernetesException">AlreadyExists: perhaps by this very call, repeated after its answer was lost.</exception>
    public Task<T> CreateAsync<T>(Resource<T> resource, T item, CancellationToken cancellationToken)
        where T : KubernetesObject;

    /// <summary>Writes the object back, if no one else has since it was read.</summary>
    /// <exception cref="KubernetesException">Conflict: its resourceVersion is no longer the latest.</exception>
    public Task<T> ReplaceAsync<T>(Resource<T> resource, T item, CancellationToken cancellationToken)
        where T : KubernetesObject;

    /// <summary>Server-side apply: what <paramref name="owner"/> said last is replaced by what <paramref name="item"/> says.</summary>
    /// <param name="resource">Its type.</param>
    /// <param name="item">With a uid it meets only the object that has it.</param>
    /// <param name="owner">The field manager; it takes fields over from others.</param>
    /// <param name="subresource">Null for the object, which is made if it does not exist; "status" for that part of one that does.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public Task<T> ApplyAsync<T>(Resource<T> resource, T item, string owner, string? subresource, CancellationToken cancellationToken)
        where T : KubernetesObject;

    /// <summary>Asks for the object's end; its finalizers may keep it a while. One that does not exist is a success.</summary>
    /// <param name="resource">Its type.</param>
    /// <param name="name">Its name.</param>
    /// <param name="uid">Null, or the only incarnation that is meant; another one is left alone.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public Task DeleteAsync<T>(Resource<T> resource, string name, string? uid, CancellationToken cancellationToken)
        where T : KubernetesObject;

    /// <summary>What happens to objects after a resourceVersion, until the server ends the stream. Not repeated inside.</summary>
    /// <exception cref="KubernetesException">Gone: that version is too old, list again.</exception>
    public IAsyncEnumerable<WatchEvent<T>> WatchAsync<T>(Resource<T> resource, WatchQuery query, CancellationToken cancellationToken)
        where T : KubernetesObject;
}

/// <param name="LabelSelector">Null for all.</param>
/// <param name="Limit">Objects per page, zero for all at once.</param>
/// <param name="Continue">From the page before.</param>
public sealed record ListQuery(string? LabelSelector = null, int Limit = 0, string? Continue = null);

/// <param name="LabelSelector">Null for all.</param>
/// <param name="ResourceVersion">Go on after this.</param>
/// <param name="Timeout">After which the server ends the stream.</param>
public sealed record WatchQuery(string? LabelSelector, string ResourceVersion, TimeSpan Timeout);

public enum WatchEventType
{
    Added,
    Modified,
    Deleted,

    /// <summary>Nothing changed up to the object's resourceVersion; it has no other field.</summary>
    Bookmark,
}

public readonly record struct WatchEvent<T>(WatchEventType Type, T Object)
    where T : KubernetesObject;
