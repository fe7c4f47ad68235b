using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.InteropServices;
using Csi.V1;
using Grpc.Core;

namespace Cscm.Csi.Tests.Driver;

/// <summary>
/// A `cscm serve` of its own in a new directory, started as an operator would. Disposing stops it and undoes whatever it left mounted.
/// </summary>
public sealed class DriverProcess : IAsyncDisposable
{
    private const int SignalTerminate = 15;
    private static readonly TimeSpan s_startLimit = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan s_stopLimit = TimeSpan.FromSeconds(20);

    private readonly Process _process;
    private readonly ConcurrentQueue<string> _log;

    private DriverProcess(Process process, ConcurrentQueue<string> log, string directory, CsiClient client)
        => (_process, _log, Directory, Client) = (process, log, directory, client);

    /// <summary>Holds the socket, the state, and whatever a test puts there.</summary>
    public string Directory { get; }

    public CsiClient Client { get; }

    public string Log => string.Join('\n', _log);

    public int ProcessId => _process.Id;

    public bool HasExited => _process.HasExited;

    /// <summary>Null while it runs.</summary>
    public int? ExitCodeOrNull => HasExited ? _process.ExitCode : null;

    public static async Task<DriverProcess> StartAsync(string executable, IEnumerable<string> pools, params string[] arguments)
    {
        string directory = System.IO.Directory.CreateTempSubdirectory("cscm-csi-").FullName;
        string socket = Path.Combine(directory, "csi.sock");
        var start = new ProcessStartInfo(executable) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        string[] own = ["serve", "--endpoint", $"unix://{socket}", "--state", Path.Combine(directory, "state"), "--node-id", NodeId];
        foreach (string argument in own.Concat(pools.SelectMany(pool => (string[])["--pool", pool])).Concat(arguments))
            start.ArgumentList.Add(argument);
        var log = new ConcurrentQueue<string>();
        Process process = Process.Start(start)!;
        process.OutputDataReceived += (_, line) => log.Enqueue(line.Data ?? "");
        process.ErrorDataReceived += (_, line) => log.Enqueue(line.Data ?? "");
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        var driver = new DriverProcess(process, log, directory, CsiClient.Connect(socket));
        try
        {
            await driver.WaitUntilReadyAsync();
            return driver;
        }
        catch
        {
            await driver.DisposeAsync();
            throw;
        }
    }

    public const string NodeId = "node-under-test";

    public static bool MayMount => Environment.IsPrivilegedProcess && File.Exists("/dev/loop-control");

    /// <summary>Resident memory now, in bytes.</summary>
    public long ResidentSizeBytes => ReadResidentSizeBytes(ProcessId);

    public static long ReadResidentSizeBytes(int processId)
    {
        string line = File.ReadLines($"/proc/{processId}/status").Single(line => line.StartsWith("VmRSS:", StringComparison.Ordinal));
        return long.Parse(line["VmRSS:".Length..].Trim().Split(' ')[0]) * 1024;
    }

    /// <summary>Tells it to end, and does not wait.</summary>
    public void Terminate() => _ = Kill(_process.Id, SignalTerminate);

    public async Task StopAsync()
    {
        if (_process.HasExited)
            return;
        Terminate();
        using var limit = new CancellationTokenSource(s_stopLimit);
        try
        {
            await _process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException late)
        {
            _process.Kill();
            throw new TimeoutException($"cscm serve did not stop within {s_stopLimit.TotalSeconds} s of SIGTERM; its log:\n{Log}", late);
        }
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        try
        {
            await StopAsync();
        }
        finally
        {
            _process.Dispose();
            Leftovers.Remove(Directory);
        }
    }

    private async Task WaitUntilReadyAsync()
    {
        var elapsed = Stopwatch.StartNew();
        while (true)
        {
            if (_process.HasExited)
            {
                // The last lines may still be on their way.
                await _process.WaitForExitAsync();
                throw new InvalidOperationException($"cscm serve ended with code {_process.ExitCode}:\n{Log}");
            }
            try
            {
                ProbeResponse probe = await Client.Identity.ProbeAsync(new ProbeRequest());
                if (probe.Ready == true)
                    return;
            }
            catch (RpcException) when (elapsed.Elapsed < s_startLimit)
            {
                // Not listening yet.
            }
            if (elapsed.Elapsed >= s_startLimit)
                throw new TimeoutException($"cscm serve was not ready within {s_startLimit.TotalSeconds} s:\n{Log}");
            await Task.Delay(20);
        }
    }

    [DllImport("libc", EntryPoint = "kill", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Kill(int processId, int signal);
}
