using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Csi.V1;
using Cscm.Bench.Controller;
using Cscm.Kubernetes;
using Cscm.Kubernetes.Emulator;

var executable = new Option<string>("--controller") { Description = "The published controller (bench/controller passes it)", Required = true };
var nodes = new Option<int>("--nodes") { Description = "Simulated nodes", DefaultValueFactory = _ => 1000 };
var volumes = new Option<int>("--volumes") { Description = "Volumes on each before the measurement", DefaultValueFactory = _ => 50 };
var creates = new Option<int>("--creates") { Description = "Volumes made and deleted while measuring", DefaultValueFactory = _ => 1000 };
var workers = new Option<int>("--workers") { Description = "Calls at once", DefaultValueFactory = _ => 8 };
var idle = new Option<int>("--idle") { Description = "Seconds of rest in which requests are counted", DefaultValueFactory = _ => 20 };
var root = new RootCommand("Runs the controller against an API server in memory and simulated nodes: memory, time of a create, requests per volume")
{
    executable, nodes, volumes, creates, workers, idle,
};
root.SetAction(async parsed =>
{
    // An agent looks at its node every ten seconds; what it publishes then still belongs to the volumes made before.
    TimeSpan lateness = TimeSpan.FromSeconds(13);
    (int nodeCount, int volumeCount, int createCount) = (parsed.GetValue(nodes), parsed.GetValue(volumes), parsed.GetValue(creates));
    await using ApiEmulator api = await ApiEmulator.StartAsync();
    using var client = new RestKubernetes(new ClusterConfig { Server = api.Address });
    var cluster = new SimulatedCluster(api, client);
    await cluster.SeedAsync(nodeCount, volumeCount);
    using var stop = new CancellationTokenSource();
    Task agents = await cluster.StartAsync(stop.Token);
    Say($"{nodeCount} nodes with {volumeCount} volumes each");

    using ControllerProcess controller = await ControllerProcess.StartAsync(parsed.GetValue(executable)!, api.Address, metricsPort: 19808);
    await Task.Delay(TimeSpan.FromSeconds(3));
    double restingMebibytes = controller.ResidentMebibytes;
    Say($"controller ready with {await controller.ReadMetricAsync("cscm_cluster_volumes")} volumes, {restingMebibytes:F0} MiB resident");

    long requestsBefore = api.Counts.Total;
    double apiSecondsBefore = await controller.ReadMetricAsync("cscm_api_request_seconds_total");
    var latencies = new List<double>();
    var ids = new List<string>();
    long startedAt = Stopwatch.GetTimestamp();
    await ForEachAsync(createCount, parsed.GetValue(workers), async i =>
    {
        long callAt = Stopwatch.GetTimestamp();
        CreateVolumeResponse response = await controller.Client.Controller.CreateVolumeAsync(Requests.Create($"pvc-bench-{i}"), deadline: Requests.Deadline);
        lock (latencies)
        {
            latencies.Add(Stopwatch.GetElapsedTime(callAt).TotalMilliseconds);
            ids.Add(response.Volume.VolumeId);
        }
    });
    double seconds = Stopwatch.GetElapsedTime(startedAt).TotalSeconds;
    double apiMilliseconds = ((await controller.ReadMetricAsync("cscm_api_request_seconds_total")) - apiSecondsBefore) * 1000 / createCount;
    await ForEachAsync(createCount, parsed.GetValue(workers), async i =>
        await controller.Client.Controller.DeleteVolumeAsync(new DeleteVolumeRequest { VolumeId = ids[i] }, deadline: Requests.Deadline));
    await Task.Delay(lateness);
    double perVolume = (api.Counts.Total - requestsBefore) / (double)createCount;
    Say(api.Counts.Summary);

    // One at a time: nothing queues, so a call's time is the controller's, the server's and the agent's own.
    var alone = new List<double>();
    for (int i = 0; i < 100; i++)
    {
        long callAt = Stopwatch.GetTimestamp();
        await controller.Client.Controller.CreateVolumeAsync(Requests.Create($"pvc-alone-{i}"), deadline: Requests.Deadline);
        alone.Add(Stopwatch.GetElapsedTime(callAt).TotalMilliseconds);
    }
    await Task.Delay(lateness);
    long idleBefore = api.Counts.Total;
    await Task.Delay(TimeSpan.FromSeconds(parsed.GetValue(idle)));
    long idleRequests = api.Counts.Total - idleBefore;

    string[] figures =
    [
        $"nodes={nodeCount}", $"volumes={nodeCount * volumeCount}", Figure("controller_rss_mib", controller.ResidentMebibytes), Figure("controller_peak_rss_mib", controller.PeakMebibytes),
        Figure("create_alone_p50_ms", Percentile(alone, 0.5)), Figure("create_alone_p99_ms", Percentile(alone, 0.99)),
        Figure("create_p50_ms", Percentile(latencies, 0.5)), Figure("create_p99_ms", Percentile(latencies, 0.99)), Figure("create_api_ms", apiMilliseconds),
        Figure("creates_per_s", createCount / seconds), Figure("requests_per_volume", perVolume), $"idle_requests={idleRequests}",
    ];
    Console.WriteLine(string.Join(' ', figures));
    await stop.CancelAsync();
    await agents.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    return 0;
});
return await root.Parse(args).InvokeAsync();

static void Say(string line) => Console.Error.WriteLine(line);

static string Figure(string name, double value) => string.Create(CultureInfo.InvariantCulture, $"{name}={value:F1}");

static double Percentile(List<double> values, double share)
{
    values.Sort();
    return values[Math.Min(values.Count - 1, (int)(values.Count * share))];
}

static Task ForEachAsync(int count, int workers, Func<int, Task> work)
{
    int next = -1;
    return Task.WhenAll(Enumerable.Range(0, workers).Select(async _ =>
    {
        for (int i = Interlocked.Increment(ref next); i < count; i = Interlocked.Increment(ref next))
            await work(i);
    }));
}
