namespace Cscm.Csi.Metrics;

/// <summary>What the process costs the Kubernetes API server. Thread-safe if what it reads is.</summary>
/// <param name="byMethod">Requests and the seconds they took, by HTTP method, watches aside.</param>
public sealed class ApiMetrics(Func<IEnumerable<KeyValuePair<string, (long Count, double Seconds)>>> byMethod) : IMetricsSource
{
    private const string Requests = "cscm_api_requests_total", Seconds = "cscm_api_request_seconds_total";

    public void Write(MetricsText text)
    {
        text.Family(Requests, "counter", "Requests to the API server by method, watches aside.");
        foreach ((string method, (long count, _)) in byMethod())
            text.Sample(Requests, count, ("method", method));
        text.Family(Seconds, "counter", "What they took, tries anew included.");
        foreach ((string method, (_, double seconds)) in byMethod())
            text.Sample(Seconds, seconds, ("method", method));
    }
}
