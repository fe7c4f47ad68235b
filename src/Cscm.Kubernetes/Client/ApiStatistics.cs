using System.Collections.Concurrent;

namespace Cscm.Kubernetes;

/// <summary>Counts what was asked of the API server, watches aside. Thread-safe.</summary>
public sealed class ApiStatistics
{
    private readonly ConcurrentDictionary<(string Method, string Resource), (long Count, double Seconds)> _byKind = [];

    /// <summary>Requests and the seconds they took, by HTTP method and plural name of the resource.</summary>
    public IReadOnlyDictionary<(string Method, string Resource), (long Count, double Seconds)> ByKind => _byKind;

    public void Count(HttpMethod method, string resource, TimeSpan took)
        => _byKind.AddOrUpdate((method.Method, resource), (1, took.TotalSeconds), (_, sum) => (sum.Count + 1, sum.Seconds + took.TotalSeconds));
}
