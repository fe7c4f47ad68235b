using System.Diagnostics;
using System.Globalization;
using Csi.V1;
using Cscm.Csi.Tests.Driver;
using Grpc.Core;

namespace Cscm.Bench.Controller;

/// <summary>The published controller, started as its chart would, with its socket and its metrics.</summary>
internal sealed class ControllerProcess : IDisposable
{
    private static readonly TimeSpan s_startLimit = TimeSpan.FromMinutes(2);

    private readonly Process _process;
    private readonly string _directory;
    private readonly HttpClient _http = new();
    private readonly int _metricsPort;

    private ControllerProcess(Process process, string directory, int metricsPort)
    {
        (_process, _directory, _metricsPort) = (process, directory, metricsPort);
        Client = CsiClient.Connect(Path.Combine(directory, "csi.sock"));
    }

    public CsiClient Client { get; }

    public static async Task<ControllerProcess> StartAsync(string executable, Uri server, int metricsPort)
    {
        string directory = Directory.CreateTempSubdirectory("cscm-bench-").FullName;
        string kubeconfig = Path.Combine(directory, "kubeconfig");
        await File.WriteAllTextAsync(
            kubeconfig,
            $"apiVersion: v1\nkind: Config\ncurrent-context: c\ncontexts: [{{name: c, context: {{cluster: c}}}}]\nclusters: [{{name: c, cluster: {{server: '{server}'}}}}]\n");
        var start = new ProcessStartInfo(executable) { UseShellExecute = false };
        string[] arguments =
        [
            "--endpoint", $"unix://{directory}/csi.sock", "--kubeconfig", kubeconfig,
            "--metrics-address", string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{metricsPort}"), "--log-level", "Warning",
        ];
        foreach (string argument in arguments)
            start.ArgumentList.Add(argument);
        var controller = new ControllerProcess(Process.Start(start)!, directory, metricsPort);
        await controller.WaitUntilReadyAsync();
        return controller;
    }

    public double ResidentMebibytes => ReadStatus("VmRSS:") / 1024.0;

    public double PeakMebibytes => ReadStatus("VmHWM:") / 1024.0;

    /// <summary>The sum of a metric's samples.</summary>
    public async Task<double> ReadMetricAsync(string name)
    {
        string text = await _http.GetStringAsync(new Uri($"http://127.0.0.1:{_metricsPort}/metrics"));
        return text.Split('\n').Where(line => line.StartsWith(name, StringComparison.Ordinal) && line[name.Length] is '{' or ' ')
            .Sum(line => double.Parse(line[(line.LastIndexOf(' ') + 1)..], CultureInfo.InvariantCulture));
    }

    public void Dispose()
    {
        Client.Dispose();
        _http.Dispose();
        _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
        Directory.Delete(_directory, recursive: true);
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
            catch (RpcException) when (!_process.HasExited)
            {
                // Not listening yet.
            }
            if (_process.HasExited || Stopwatch.GetElapsedTime(startedAt) > s_startLimit)
                throw new InvalidOperationException("the controller did not become ready");
            await Task.Delay(100);
        }
    }

    private long ReadStatus(string key)
        => long.Parse(
            File.ReadLines($"/proc/{_process.Id}/status").First(line => line.StartsWith(key, StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[^2].Trim('\t'),
            CultureInfo.InvariantCulture);
}
