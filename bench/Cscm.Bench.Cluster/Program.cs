using System.CommandLine;
using System.Globalization;
using System.Runtime.InteropServices;
using Cscm.Bench.Cluster;
using Cscm.Kubernetes;

var node = new Option<string>("--node") { Description = "The node that all pods run on", Required = true };
var @namespace = new Option<string>("--namespace") { Description = "Where CSCM is installed", DefaultValueFactory = _ => "cscm" };
var driver = new Option<string>("--driver") { Description = "Its name", DefaultValueFactory = _ => "cscm.io" };
var pools = new Option<string[]>("--pool") { Description = "Pools to measure; several are told apart by name", DefaultValueFactory = _ => ["dram"] };
var image = new Option<string>("--image") { Description = "What the pods run; it must be on the node", DefaultValueFactory = _ => "registry.k8s.io/pause:3.10" };
var size = new Option<string>("--size") { Description = "Of each claim", DefaultValueFactory = _ => "1Mi" };
var rounds = new Option<int>("--rounds") { Description = "Rounds of pods: one alone five times, 10 at once, 20 at once", DefaultValueFactory = _ => 5 };
var claimCount = new Option<int>("--claims") { Description = "Claims bound at once, 0 for none", DefaultValueFactory = _ => 500 };
var idle = new Option<int>("--idle") { Description = "Seconds of rest in which requests are counted, before memory is read", DefaultValueFactory = _ => 60 };
var kubelet = new Option<string>("--kubelet") { Description = "The kubelet's directory", DefaultValueFactory = _ => "/var/lib/kubelet" };
var keep = new Option<bool>("--keep") { Description = "Leave the host-path driver installed" };
var root = new RootCommand("CSCM beside the host-path driver in the cluster of KUBECONFIG")
{
    node, @namespace, driver, pools, image, size, rounds, claimCount, idle, kubelet, keep,
};
// System.CommandLine's own handler ends the process two seconds after a signal, and fails at a second one.
using var interrupted = new CancellationTokenSource();
using var interrupts = PosixSignalRegistration.Create(PosixSignal.SIGINT, OnSignal);
using var terminations = PosixSignalRegistration.Create(PosixSignal.SIGTERM, OnSignal);
root.SetAction(async parsed =>
{
    using var client = new RestKubernetes(ClusterConfig.Find(null));
    Contestant[] ours = [.. parsed.GetValue(pools)!.Select(pool => new Contestant(pool, parsed.GetValue(driver)!, new Dictionary<string, string> { ["pool"] = pool }))];
    var peer = new Contestant("hostpath", "hostpath.csi.k8s.io", null);
    Contestant[] all = [.. ours, peer];
    var setting = new Setting(client, parsed.GetValue(node)!, parsed.GetValue(kubelet)!, parsed.GetValue(@namespace)!);
    using var stop = new CancellationTokenSource();
    try
    {
        return await MeasureAsync().WaitAsync(interrupted.Token);
    }
    catch (OperationCanceledException)
    {
        Say("bench/cluster: interrupted; removing what it made");
        return 130;
    }
    catch (Exception exception) when (exception is InvalidOperationException or TimeoutException or KubernetesException)
    {
        Say($"bench/cluster: {exception.Message}");
        return 1;
    }
    finally
    {
        await stop.CancelAsync();
        if (!parsed.GetValue(keep))
            await RemoveAsync(setting, all);
    }

    async Task<int> MeasureAsync()
    {
        await setting.InstallAsync(all);
        using var pods = new Watched(client, BenchResources.Pods, "Running");
        using var claims = new Watched(client, BenchResources.Claims, "Bound");
        Task watching = Task.WhenAll(pods.RunAsync(stop.Token), claims.RunAsync(stop.Token));
        await Task.WhenAll(pods.Synced, claims.Synced);
        var starts = new PodStarts(client, pods, claims, parsed.GetValue(node)!, parsed.GetValue(image)!, parsed.GetValue(size)!);
        var footprint = new Footprint(parsed.GetValue(@namespace)!);
        var figures = new List<string>();

        // Once each without counting: images, caches, first connections.
        foreach (Contestant contestant in all)
            await starts.RunAsync(contestant, 2);
        var seconds = new Dictionary<(string Name, int AtOnce), List<double>>();
        Dictionary<string, double> requests = [];
        int volumes = 0;
        for (int round = 0; round < parsed.GetValue(rounds); round++)
        {
            foreach (int atOnce in (int[])[1, 10, 20])
            {
                for (int repetition = 0; repetition < (atOnce == 1 ? 5 : 1); repetition++)
                {
                    // In turn, the first of a turn being another each time.
                    foreach (Contestant contestant in all.Skip((round + repetition) % all.Length).Concat(all.Take((round + repetition) % all.Length)))
                    {
                        IReadOnlyDictionary<string, double> before = await footprint.ReadRequestsAsync();
                        IReadOnlyList<double> took = await starts.RunAsync(contestant, atOnce);
                        if (!seconds.TryGetValue((contestant.Name, atOnce), out List<double>? sofar))
                            seconds.Add((contestant.Name, atOnce), sofar = []);
                        sofar.AddRange(took);
                        // Whoever is next begins on a cluster at rest; and what the node publishes late still belongs to these volumes.
                        await Task.Delay(TimeSpan.FromSeconds(3));
                        if (contestant != peer)
                        {
                            foreach ((string kind, double after) in await footprint.ReadRequestsAsync())
                                requests[kind] = requests.GetValueOrDefault(kind) + after - before.GetValueOrDefault(kind);
                            volumes += atOnce;
                        }
                    }
                }
                foreach (Contestant contestant in all)
                    Say($"round {round + 1}, {atOnce} at once, {contestant.Name}: {Percentile(seconds[(contestant.Name, atOnce)], 0.5):F2} s so far");
            }
        }
        foreach (((string name, int atOnce), List<double> took) in seconds.OrderBy(pair => pair.Key.AtOnce))
        {
            figures.Add(Figure($"{name}_{atOnce}_p50_s", Percentile(took, 0.5)));
            figures.Add(Figure($"{name}_{atOnce}_worst_s", took.Max()));
        }
        foreach ((string kind, double sum) in requests.Where(pair => pair.Value > 0).OrderByDescending(pair => pair.Value))
            Say($"requests: {sum:F0} {kind} for {volumes} volumes");
        // The lease is renewed whether volumes are made or not.
        if (volumes > 0)
            figures.Add(Figure("requests_per_volume", requests.Where(pair => !IsOfLease(pair.Key)).Sum(pair => pair.Value) / volumes));

        if (parsed.GetValue(claimCount) is > 0 and int count)
        {
            var binding = new Binding(client, claims, parsed.GetValue(size)!);
            foreach (Contestant contestant in all)
            {
                (double bound, double removed) = await binding.RunAsync(contestant, count);
                Say($"{contestant.Name}: {count} claims, {bound:F1} bound and {removed:F1} removed a second");
                figures.AddRange([Figure($"{contestant.Name}_bound_per_s", bound), Figure($"{contestant.Name}_removed_per_s", removed)]);
            }
        }

        await Task.Delay(TimeSpan.FromSeconds(15));
        IReadOnlyDictionary<string, double> resting = await footprint.ReadRequestsAsync();
        await Task.Delay(TimeSpan.FromSeconds(parsed.GetValue(idle)));
        IReadOnlyDictionary<string, double> rested = await footprint.ReadRequestsAsync();
        double PerMinute(bool ofLease) => rested.Where(pair => IsOfLease(pair.Key) == ofLease).Sum(pair => pair.Value - resting.GetValueOrDefault(pair.Key)) * 60 / parsed.GetValue(idle);
        figures.AddRange([Figure("idle_requests_per_minute", PerMinute(ofLease: false)), Figure("lease_requests_per_minute", PerMinute(ofLease: true))]);
        figures.Add(Figure("controller_rss_mib", await footprint.ReadResidentMebibytesAsync("cscm-controller")));
        figures.Add(Figure("node_rss_mib", await footprint.ReadResidentMebibytesAsync("cscm-node")));
        Console.WriteLine(string.Join(' ', figures));
        await stop.CancelAsync();
        await watching;
        return 0;
    }
});
return await root.Parse(args).InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = null });

void OnSignal(PosixSignalContext context)
{
    context.Cancel = true;
    interrupted.Cancel();
}

// A clean-up that fails must not hide why the measurement did.
static async Task RemoveAsync(Setting setting, IReadOnlyList<Contestant> contestants)
{
    try
    {
        await setting.RemoveAsync(contestants);
    }
    catch (Exception exception) when (exception is InvalidOperationException or TimeoutException or KubernetesException)
    {
        Say($"bench/cluster: left in the cluster: {exception.Message}");
    }
}

static bool IsOfLease(string kind) => kind.EndsWith(" leases", StringComparison.Ordinal);

static void Say(string line) => Console.Error.WriteLine(line);

static string Figure(string name, double value) => string.Create(CultureInfo.InvariantCulture, $"{name}={value:F2}");

static double Percentile(List<double> values, double share)
{
    double[] sorted = [.. values.Order()];
    return sorted[Math.Min(sorted.Length - 1, (int)(sorted.Length * share))];
}
