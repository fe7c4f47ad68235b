using System.Globalization;
using System.Text.Json.Nodes;

namespace Cscm.Bench.Cluster;

/// <summary>What the installed driver costs: memory and requests, by its own metrics.</summary>
internal sealed class Footprint(string @namespace)
{
    private const string Requests = "cscm_api_requests_total";

    /// <summary>Of all pods with this container the most resident memory, mapped files included.</summary>
    public async Task<double> ReadResidentMebibytesAsync(string container)
    {
        double most = 0;
        foreach (JsonNode? pod in await PodsAsync())
        {
            if (!pod!["spec"]!["containers"]!.AsArray().Any(item => (string?)item!["name"] == container))
                continue;
            string metrics = await MetricsAsync((string)pod["metadata"]!["name"]!);
            most = Math.Max(most, Sum(metrics, "process_resident_memory_bytes"));
        }
        return most > 0 ? most / (1 << 20) : throw new InvalidOperationException($"no pod in namespace {@namespace} has a container {container} that tells its memory: install with metrics.enabled");
    }

    /// <summary>Requests of all controllers and nodes so far, by "METHOD resource"; watches aside.</summary>
    public async Task<IReadOnlyDictionary<string, double>> ReadRequestsAsync()
    {
        var sums = new Dictionary<string, double>(StringComparer.Ordinal);
        foreach (JsonNode? pod in await PodsAsync())
        {
            foreach (string line in Samples(await MetricsAsync((string)pod!["metadata"]!["name"]!), Requests))
            {
                string[] words = line.Split('"');
                string kind = $"{words[1]} {words[3]}";
                sums[kind] = sums.GetValueOrDefault(kind) + ValueOf(line);
            }
        }
        return sums;
    }

    private async Task<JsonArray> PodsAsync()
        => JsonNode.Parse(await Kubectl.RunAsync(["get", "pods", "--namespace", @namespace, "--selector", "app.kubernetes.io/component in (controller,node)", "--output", "json"]))!["items"]!.AsArray();

    private Task<string> MetricsAsync(string pod) => Kubectl.RunAsync(["get", "--raw", $"/api/v1/namespaces/{@namespace}/pods/{pod}:8080/proxy/metrics"]);

    private static double Sum(string metrics, string name) => Samples(metrics, name).Sum(ValueOf);

    private static IEnumerable<string> Samples(string metrics, string name)
        => metrics.Split('\n').Where(line => line.StartsWith(name, StringComparison.Ordinal) && line[name.Length] is ' ' or '{');

    private static double ValueOf(string sample) => double.Parse(sample[(sample.LastIndexOf(' ') + 1)..], CultureInfo.InvariantCulture);
}
