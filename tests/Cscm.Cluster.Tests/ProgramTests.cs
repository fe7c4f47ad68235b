using System.Diagnostics;
using System.Globalization;
using Csi.V1;
using Cscm.Csi;
using Cscm.Csi.Tests.Driver;
using Cscm.Kubernetes;
using Grpc.Core;
using static Cscm.Cluster.Tests.RpcCalls;

namespace Cscm.Cluster.Tests;

/// <summary>The two programs as processes, over their sockets, with flags and variables as a manifest sets them.</summary>
public sealed class ProgramTests
{
    [Fact]
    public async Task Controller_and_node_carry_a_volume_through_its_life()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        cluster.Api.Seed("v1", "nodes", "Node", new() { ["metadata"] = new System.Text.Json.Nodes.JsonObject { ["name"] = "n1" } });
        await using ProgramProcess node = await ProgramProcess.StartAsync(
            "Cscm.Csi.Node", cluster.Api.Address, "--node-name", "n1", "--pool", "name=files,kind=file,size=128Mi");
        await using ProgramProcess controller = await ProgramProcess.StartAsync("Cscm.Csi.Controller", cluster.Api.Address);

        Volume volume = (await controller.Client.Controller.CreateVolumeAsync(Create("pvc-1", node: "n1"), deadline: In(30))).Volume;
        Assert.Equal("n1", NodeOf(volume));
        NodeGetInfoResponse info = await node.Client.Node.NodeGetInfoAsync(new NodeGetInfoRequest(), deadline: In(5));
        Assert.Equal(volume.AccessibleTopology[0], info.AccessibleTopology);
        RpcException refusal = await Assert.ThrowsAsync<RpcException>(async () => await controller.Client.Controller.CreateVolumeAsync(Create("pvc-1", 64 * Mebi), deadline: In(30)));
        Assert.Equal(StatusCode.AlreadyExists, refusal.StatusCode);
        await controller.Client.Controller.DeleteVolumeAsync(new DeleteVolumeRequest { VolumeId = volume.VolumeId }, deadline: In(30));
        Assert.Null(await cluster.FindVolumeAsync(volume.VolumeId));

        // The controller leads, says what it is, and leaves the node's calls to the node.
        ScmNode offered = Assert.Single((await cluster.Client.ListAsync(Resources.ScmNodes, new ListQuery(), default)).Items);
        Assert.Equal("n1", offered.Metadata.Name);
        Assert.Matches("^files [0-9.]+[KMGT]i?/[0-9.]+[KMGT]i$", offered.Status!.Summary);
        Assert.StartsWith(Environment.MachineName, (await cluster.Client.GetAsync(Resources.Leases("default"), "cscm.io-controller", default)).Spec.HolderIdentity, StringComparison.Ordinal);
        GetPluginCapabilitiesResponse plugin = await controller.Client.Identity.GetPluginCapabilitiesAsync(new GetPluginCapabilitiesRequest(), deadline: In(5));
        Assert.Contains(plugin.Capabilities, capability => capability.Service?.Type == PluginCapability.Types.Service.Types.Type.ControllerService);
        Assert.Equal(DriverInfo.Name, (await node.Client.Identity.GetPluginInfoAsync(new GetPluginInfoRequest(), deadline: In(5))).Name);
        RpcException unknown = await Assert.ThrowsAsync<RpcException>(async () => await controller.Client.Node.NodeGetInfoAsync(new NodeGetInfoRequest(), deadline: In(5)));
        Assert.Equal(StatusCode.Unimplemented, unknown.StatusCode);

        string metrics = await controller.ReadMetricsAsync();
        Assert.Contains("cscm_cluster_nodes 1\n", metrics, StringComparison.Ordinal);
        Assert.Matches("process_resident_memory_bytes [0-9]{8}", metrics);
        Assert.Contains("cscm_leader 1\n", metrics, StringComparison.Ordinal);
        Assert.Contains("cscm_api_requests_total{method=\"POST\",resource=\"scmvolumes\"}", metrics, StringComparison.Ordinal);
        Assert.Contains("cscm_pool_available_bytes{pool=\"files\"", await node.ReadMetricsAsync(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Cscm.Csi.Node", "no pool", new string[0])]
    [InlineData("Cscm.Csi.Node", "kind 'tape'", new[] { "--pool", "name=a,kind=tape,size=1Gi" })]
    [InlineData("Cscm.Csi.Controller", "not a Unix socket", new[] { "--endpoint", "tcp://0.0.0.0:1" })]
    [InlineData("Cscm.Csi.Controller", "off, report, delete", new[] { "--orphans", "burn" })]
    [InlineData("Cscm.Csi.Controller", "no cluster", new[] { "--kubeconfig", "" })]
    public async Task What_cannot_be_is_refused_at_the_start_with_the_remedy(string program, string words, string[] arguments)
    {
        (int code, string error) = await ProgramProcess.RunAsync(program, arguments);
        Assert.Equal(1, code);
        Assert.Contains(words, error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", error, StringComparison.Ordinal);
    }

    private static DateTime In(int seconds) => TimeProvider.System.GetUtcNow().UtcDateTime.AddSeconds(seconds);
}

/// <summary>One of the programs, started on a directory of its own, which goes away with it.</summary>
internal sealed class ProgramProcess : IAsyncDisposable
{
    private static readonly TimeSpan s_startLimit = TimeSpan.FromSeconds(60);

    private readonly Process _process;
    private readonly string _directory;
    private readonly int _metricsPort;

    private ProgramProcess(Process process, string directory, int metricsPort)
    {
        (_process, _directory, _metricsPort) = (process, directory, metricsPort);
        Client = CsiClient.Connect(Path.Combine(directory, "csi.sock"));
    }

    public CsiClient Client { get; }

    public static async Task<ProgramProcess> StartAsync(string program, Uri server, params string[] arguments)
    {
        string directory = Directory.CreateTempSubdirectory("cscm-program-").FullName;
        string kubeconfig = Path.Combine(directory, "kubeconfig");
        await File.WriteAllTextAsync(
            kubeconfig,
            $"apiVersion: v1\nkind: Config\ncurrent-context: c\ncontexts: [{{name: c, context: {{cluster: c}}}}]\nclusters: [{{name: c, cluster: {{server: '{server}'}}}}]\n");
        int metricsPort = FreePort();
        ProcessStartInfo start = Prepare(program, arguments);
        if (program.EndsWith("Node", StringComparison.Ordinal))
            start.Environment["CSCM_STATE"] = Path.Combine(directory, "state");
        start.Environment["CSCM_ENDPOINT"] = $"unix://{directory}/csi.sock";
        start.Environment["CSCM_KUBECONFIG"] = kubeconfig;
        start.Environment["CSCM_METRICS_ADDRESS"] = string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{metricsPort}");
        var started = new ProgramProcess(Process.Start(start)!, directory, metricsPort);
        started._process.OutputDataReceived += static (_, _) => { };
        started._process.BeginOutputReadLine();
        started._process.BeginErrorReadLine();
        await started.WaitUntilReadyAsync();
        return started;
    }

    /// <summary>Runs a program that is to end by itself.</summary>
    public static async Task<(int Code, string Error)> RunAsync(string program, string[] arguments)
    {
        ProcessStartInfo start = Prepare(program, arguments);
        start.Environment.Remove("KUBECONFIG");
        start.Environment.Remove("KUBERNETES_SERVICE_HOST");
        using Process process = Process.Start(start)!;
        using var patience = new CancellationTokenSource(s_startLimit);
        process.OutputDataReceived += static (_, _) => { };
        process.BeginOutputReadLine();
        string error = await process.StandardError.ReadToEndAsync(patience.Token);
        await process.WaitForExitAsync(patience.Token);
        return (process.ExitCode, error);
    }

    public async Task<string> ReadMetricsAsync()
    {
        using var http = new HttpClient();
        return await http.GetStringAsync(new Uri($"http://127.0.0.1:{_metricsPort}/metrics"));
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        if (!_process.HasExited)
            _process.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    private static ProcessStartInfo Prepare(string program, string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet") { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, program + ".dll"));
        foreach (string argument in arguments)
            start.ArgumentList.Add(argument);
        return start;
    }

    private static int FreePort()
    {
        using var listener = new System.Net.Sockets.TcpListener(System.Net.IPAddress.Loopback, 0);
        listener.Start();
        return ((System.Net.IPEndPoint)listener.LocalEndpoint).Port;
    }

    private async Task WaitUntilReadyAsync()
    {
        long startedAt = Stopwatch.GetTimestamp();
        while (true)
        {
            try
            {
                if ((await Client.Identity.ProbeAsync(new ProbeRequest())).Ready == true)
                    return;
            }
            catch (RpcException)
            {
                // Not listening yet.
            }
            Assert.False(_process.HasExited, "the program ended");
            Assert.True(Stopwatch.GetElapsedTime(startedAt) < s_startLimit, "the program did not become ready");
            await Task.Delay(50);
        }
    }
}
