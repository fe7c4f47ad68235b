using System.Collections.Concurrent;
using System.Globalization;
using Microsoft.Extensions.Logging;

namespace Cscm.Kubernetes;

/// <summary>How an informer behaves; the defaults are for a real cluster.</summary>
public sealed record InformerOptions
{
    public int PageSize { get; init; } = 500;

    /// <summary>The server ends a watch after this, or up to twice as long: not all clients at one moment.</summary>
    public TimeSpan WatchTimeout { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>A watch that says nothing for so long, not even a bookmark (sent about every minute), is taken for dead.</summary>
    public TimeSpan LongestSilence { get; init; } = TimeSpan.FromMinutes(3);
    public TimeSpan FirstPause { get; init; } = TimeSpan.FromMilliseconds(200);
    public TimeSpan LongestPause { get; init; } = TimeSpan.FromSeconds(30);
}

/// <summary>
/// Keeps a copy of all objects that a selector meets: one list, then a watch that goes on where it was when it breaks, and a new list
/// when the server no longer knows that place. Events that were seen before are dropped. Reads are thread-safe.
/// </summary>
public sealed partial class Informer<T>(
    IKubernetes client, Resource<T> resource, string? labelSelector, InformerOptions options, ILogger logger)
    where T : KubernetesObject
{
    private readonly ConcurrentDictionary<string, T> _items = new(StringComparer.Ordinal);
    private readonly Waiters<T> _waiters = new();
    private readonly TaskCompletionSource _synced = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Held while the copy changes, so that <see cref="Changed"/> sees one change at a time.</summary>
    private readonly Lock _lock = new();
    private string? _version;

    /// <summary>Called in order, from one thread at a time, after the copy changed; the flag says that the object is gone.</summary>
    public Action<T, bool>? Changed { get; init; }

    /// <summary>Done when the first list is complete.</summary>
    public Task Synced => _synced.Task;

    public int Count => _items.Count;

    public IEnumerable<T> Items => _items.Select(pair => pair.Value);

    public T? Find(string name) => _items.GetValueOrDefault(name);

    /// <summary>Waits until the copy of an object, null if there is none, is as wanted.</summary>
    public Task<T?> WaitAsync(string name, Func<T?, bool> isWanted, CancellationToken cancellationToken)
        => _waiters.WaitAsync(name, () => Find(name), isWanted, cancellationToken);

    /// <summary>Takes note of what another call read or wrote, unless the watch is past it: the watch may be late.</summary>
    public void Observe(T item)
    {
        lock (_lock)
        {
            if (IsOlder(_version, item.Metadata.ResourceVersion)
                && !IsOlder(item.Metadata.ResourceVersion, Find(item.Metadata.Name)?.Metadata.ResourceVersion))
                Apply(item, isGone: false);
        }
    }

    /// <summary>Takes note that this incarnation of an object no longer exists.</summary>
    public void ObserveGone(T item)
    {
        lock (_lock)
        {
            if (Find(item.Metadata.Name) is { } known && known.Metadata.Uid == item.Metadata.Uid)
                Apply(known, isGone: true);
        }
    }

    /// <summary>Runs until cancelled.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        var backoff = new Backoff(options.FirstPause, options.LongestPause);
        while (!cancellationToken.IsCancellationRequested)
        {
            try
            {
                if (_version is null)
                {
                    await ListAsync(cancellationToken);
                    _synced.TrySetResult();
                }
                if (await WatchAsync(_version!, cancellationToken))
                    backoff.Reset();
                // A server that ends each watch at once is not asked at full speed.
                await Task.Delay(backoff.Next(), cancellationToken);
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                return;
            }
            catch (KubernetesException e) when (e.IsGone)
            {
                LogRelist(logger, resource.Plural, e.Message);
                _version = null;
                await Pause(backoff, e, cancellationToken);
            }
            catch (KubernetesException e)
            {
                LogBroken(logger, resource.Plural, e.Message);
                await Pause(backoff, e, cancellationToken);
            }
        }
    }

    private static async Task Pause(Backoff backoff, KubernetesException failure, CancellationToken cancellationToken)
    {
        TimeSpan own = backoff.Next();
        await Task.Delay(failure.RetryAfter > own ? failure.RetryAfter.Value : own, cancellationToken)
            .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private async Task ListAsync(CancellationToken cancellationToken)
    {
        var listed = new HashSet<string>(StringComparer.Ordinal);
        string? next = null;
        string? version = null;
        do
        {
            ObjectList<T> page = await client.ListAsync(resource, new ListQuery(labelSelector, options.PageSize, next), cancellationToken);
            lock (_lock)
            {
                foreach (T item in page.Items)
                {
                    listed.Add(item.Metadata.Name);
                    if (Find(item.Metadata.Name)?.Metadata.ResourceVersion != item.Metadata.ResourceVersion)
                        Apply(item, isGone: false);
                }
            }
            (next, version) = (page.Metadata.Continue, page.Metadata.ResourceVersion);
        }
        while (!string.IsNullOrEmpty(next));
        lock (_lock)
        {
            foreach (T item in Items.Where(item => !listed.Contains(item.Metadata.Name)))
                Apply(item, isGone: true);
        }
        _version = version ?? throw new KubernetesException(null, null, $"the list of {resource.Plural} has no resourceVersion");
    }

    /// <returns>Whether anything came.</returns>
    private async Task<bool> WatchAsync(string version, CancellationToken cancellationToken)
    {
        bool heard = false;
        using var watchdog = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        watchdog.CancelAfter(options.LongestSilence);
        try
        {
            var query = new WatchQuery(labelSelector, version, options.WatchTimeout * (1 + Random.Shared.NextDouble()));
            await foreach (WatchEvent<T> next in client.WatchAsync(resource, query, watchdog.Token))
            {
                heard = true;
                watchdog.CancelAfter(options.LongestSilence);
                Take(next);
            }
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            LogSilent(logger, resource.Plural, options.LongestSilence.TotalSeconds);
        }
        return heard;
    }

    private void Take(WatchEvent<T> next)
    {
        string? version = next.Object.Metadata.ResourceVersion;
        lock (_lock)
        {
            // Sent twice, or late: what came after it has been seen.
            if (version is null || version == _version || IsOlder(version, _version))
                return;
            if (next.Type != WatchEventType.Bookmark && !IsOlder(version, Find(next.Object.Metadata.Name)?.Metadata.ResourceVersion))
                Apply(next.Object, next.Type == WatchEventType.Deleted);
            _version = version;
        }
    }

    private void Apply(T item, bool isGone)
    {
        string name = item.Metadata.Name;
        if (isGone)
            _items.TryRemove(name, out _);
        else
            _items[name] = item;
        Changed?.Invoke(item, isGone);
        _waiters.Tell(name, isGone ? null : item);
    }

    private static bool IsOlder(string? version, string? than)
        => ulong.TryParse(version, NumberStyles.None, CultureInfo.InvariantCulture, out ulong a)
            && ulong.TryParse(than, NumberStyles.None, CultureInfo.InvariantCulture, out ulong b) && a < b;

    [LoggerMessage(EventId = 40, Level = LogLevel.Information, Message = "watch of {Plural}: the server no longer knows our place, listing again: {Why}")]
    private static partial void LogRelist(ILogger logger, string plural, string why);

    [LoggerMessage(EventId = 41, Level = LogLevel.Warning, Message = "watch of {Plural} broke, going on shortly: {Why}")]
    private static partial void LogBroken(ILogger logger, string plural, string why);

    [LoggerMessage(EventId = 42, Level = LogLevel.Warning, Message = "watch of {Plural} was silent for {Seconds} s, opening another")]
    private static partial void LogSilent(ILogger logger, string plural, double seconds);
}
