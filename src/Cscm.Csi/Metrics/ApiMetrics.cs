namespace Cscm.Csi.Metrics;

/// <summary>What the process costs the Kubernetes API server. Thread-safe if what it reads is.</summary>
/// <param name="byKind">Requests and the seconds they took, by HTTP method and resource, watches aside.</param>
public sealed class ApiMetrics(Func<IEnumerable<KeyValuePair<(string Method, string Resource), (long Count, double Seconds)>>> byKind) : IMetricsSource
{
    private const string Requests = "cscm_api_requests_total", Seconds = "cscm_api_request_seconds_total";

    public void Write(MetricsText text)
    {
        text.Family(Requests, "counter", "Requests to the API server by method and resource, watches aside.");
        foreach (((string method, string resource), (long count, _)) in byKind())
            text.Sample(Requests, count, ("method", method), ("resource", resource));
        text.Family(Seconds, "counter", "What they took, tries anew included.");
        foreach (((string method, string resource), (_, double seconds)) in byKind())
            text.Sample(Seconds, seconds, ("method", method), ("resource", resource));
    }
}
