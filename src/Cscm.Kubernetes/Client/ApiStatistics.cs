using System.Collections.Concurrent;

namespace Cscm.Kubernetes;

/// <summary>Counts what was asked of the API server, watches aside. Thread-safe.</summary>
public sealed class ApiStatistics
{
    private readonly ConcurrentDictionary<string, (long Count, double Seconds)> _byMethod = new(StringComparer.Ordinal);

    public IReadOnlyDictionary<string, (long Count, double Seconds)> ByMethod => _byMethod;

    public void Count(HttpMethod method, TimeSpan took)
        => _byMethod.AddOrUpdate(method.Method, (1, took.TotalSeconds), (_, sum) => (sum.Count + 1, sum.Seconds + took.TotalSeconds));
}
