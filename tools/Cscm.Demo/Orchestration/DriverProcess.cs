using System.Diagnostics;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Cscm.Demo.Machine;
using Csi.V1;
using Grpc.Core;
using Grpc.Net.Client;

namespace Cscm.Demo.Orchestration;

/// <summary><c>cscm serve</c> as a child process, and the channel to its socket.</summary>
internal sealed class DriverProcess : IAsyncDisposable
{
    private const int Terminate = 15;

    private static readonly TimeSpan s_startLimit = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan s_stopLimit = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(20);

    private readonly Process _process;
    private readonly Queue<string> _lastLines = new();

    private DriverProcess(Process process, GrpcChannel channel)
    {
        _process = process;
        Channel = channel;
    }

    public GrpcChannel Channel { get; }

    /// <summary>The end of its log.</summary>
    public IReadOnlyList<string> LastLines
    {
        get
        {
            lock (_lastLines)
                return [.. _lastLines];
        }
    }

    /// <summary>Starts the driver and waits until it says that it is ready.</summary>
    public static async Task<DriverProcess> StartAsync(string program, string socket, string stateDirectory, IEnumerable<string> pools)
    {
        List<string> arguments = ["serve", "--endpoint", $"unix://{socket}", "--state", stateDirectory, "--node-id", "demo"];
        foreach (string pool in pools)
            arguments.AddRange(["--pool", pool]);
        Process process = Process.Start(Tool.Prepare(program, arguments))!;
        process.StandardInput.Close();
        var driver = new DriverProcess(process, Connect(socket));
        process.OutputDataReceived += driver.Keep;
        process.ErrorDataReceived += driver.Keep;
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
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

    /// <summary>Stops it as a service manager would.</summary>
    /// <exception cref="DemoException">It did not stop in time, or not cleanly.</exception>
    public async Task StopAsync()
    {
        if (Kill(_process.Id, Terminate) != 0)
            throw new DemoException($"the driver could not be stopped: {Marshal.GetLastPInvokeErrorMessage()}");
        using var limit = new CancellationTokenSource(s_stopLimit);
        try
        {
            await _process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            throw new DemoException($"the driver did not stop within {s_stopLimit.TotalSeconds:0} s of SIGTERM");
        }
        if (_process.ExitCode != 0)
            throw new DemoException($"the driver stopped with exit status {_process.ExitCode}");
    }

    public async ValueTask DisposeAsync()
    {
        Channel.Dispose();
        if (!_process.HasExited)
        {
            _process.Kill();
            await _process.WaitForExitAsync();
        }
        _process.Dispose();
    }

    private static GrpcChannel Connect(string socket) => GrpcChannel.ForAddress("http://localhost", new GrpcChannelOptions
    {
        DisposeHttpClient = true,
        HttpHandler = new SocketsHttpHandler
        {
            UseProxy = false,
            ConnectCallback = async (_, cancellationToken) =>
            {
                var connection = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                try
                {
                    await connection.ConnectAsync(new UnixDomainSocketEndPoint(socket), cancellationToken);
                    return new NetworkStream(connection, ownsSocket: true);
                }
                catch
                {
                    connection.Dispose();
                    throw;
                }
            },
        },
    });

    private async Task WaitUntilReadyAsync()
    {
        var identity = new Identity.IdentityClient(Channel);
        var clock = Stopwatch.StartNew();
        while (true)
        {
            try
            {
                ProbeResponse response = await identity.ProbeAsync(new ProbeRequest());
                if (response.Ready is null or true)
                    return;
            }
            catch (RpcException exception) when (exception.StatusCode is StatusCode.Unavailable or StatusCode.Internal)
            {
                // The socket is not there yet.
            }
            if (_process.HasExited)
                throw new DemoException($"the driver stopped with exit status {_process.ExitCode} before it served");
            if (clock.Elapsed > s_startLimit)
                throw new DemoException($"the driver did not answer within {s_startLimit.TotalSeconds:0} s");
            await Task.Delay(s_pause);
        }
    }

    private void Keep(object sender, DataReceivedEventArgs line)
    {
        const int KeptLines = 15;
        if (line.Data is not { } text)
            return;
        lock (_lastLines)
        {
            _lastLines.Enqueue(text);
            if (_lastLines.Count > KeptLines)
                _lastLines.Dequeue();
        }
    }

    // By system call: the program is in a package that a small Debian does not have.
    [DllImport("libc", EntryPoint = "kill", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Kill(int processId, int signal);
}
