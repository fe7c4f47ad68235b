using System.Collections.Concurrent;
using System.Diagnostics;
using Cscm.Kubernetes;
using Microsoft.Extensions.Logging.Abstractions;

namespace Cscm.Bench.Cluster;

/// <summary>Objects of one type and when each was first seen in the phase that is waited for. Thread-safe.</summary>
internal sealed class Watched : IDisposable
{
    private readonly IKubernetes _client;
    private readonly Resource<BenchObject> _resource;
    private readonly Informer<BenchObject> _informer;
    private readonly ConcurrentDictionary<string, long> _reachedAt = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim _changes = new(0);

    public Watched(IKubernetes client, Resource<BenchObject> resource, string phase)
    {
        (_client, _resource) = (client, resource);
        _informer = new Informer<BenchObject>(client, resource, null, new InformerOptions(), NullLogger.Instance)
        {
            Changed = (item, isGone) =>
            {
                if (!isGone && item.Status?.Phase == phase)
                    _reachedAt.TryAdd(item.Metadata.Name, Stopwatch.GetTimestamp());
                _changes.Release();
            },
        };
    }

    public void Dispose() => _changes.Dispose();

    public Task Synced => _informer.Synced;

    public Task RunAsync(CancellationToken cancellationToken) => _informer.RunAsync(cancellationToken);

    /// <summary>Waits until all are in the phase.</summary>
    /// <returns>When each was first seen in it.</returns>
    /// <exception cref="TimeoutException">Names one that is not.</exception>
    public async Task<IReadOnlyList<long>> AllReachedAsync(IReadOnlyCollection<string> names, TimeSpan patience)
    {
        await AwaitAsync(() => names.FirstOrDefault(name => !_reachedAt.ContainsKey(name)), patience, "is not in its phase");
        return [.. names.Select(name => _reachedAt[name])];
    }

    public async Task DeleteAsync(IReadOnlyCollection<string> names, TimeSpan patience)
    {
        await Parallel.ForEachAsync(names, new ParallelOptions { MaxDegreeOfParallelism = 20 }, async (name, token) => await _client.DeleteAsync(_resource, name, null, token));
        await AwaitAsync(() => names.FirstOrDefault(name => _informer.Find(name) is not null), patience, "is still there");
    }

    private async Task AwaitAsync(Func<string?> findMissing, TimeSpan patience, string complaint)
    {
        long startedAt = Stopwatch.GetTimestamp();
        while (findMissing() is { } missing)
        {
            if (Stopwatch.GetElapsedTime(startedAt) > patience)
                throw new TimeoutException($"{_resource.Kind} {missing} {complaint} after {patience.TotalSeconds} s: kubectl --namespace {BenchResources.Namespace} describe {_resource.Kind} {missing}");
            await _changes.WaitAsync(TimeSpan.FromSeconds(1));
        }
    }
}
