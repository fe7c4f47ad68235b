using System.Diagnostics;
using System.Net.Sockets;

namespace Cscm.Machine;

/// <summary>One life of the machine: a QEMU process and the two connections to it.</summary>
internal sealed class QemuProcess : IDisposable
{
    private readonly Process _process;
    private readonly Task<string> _error;
    private readonly MachinePaths _paths;

    private QemuProcess(Process process, Task<string> error, MachinePaths paths, QmpConnection control, AgentConnection agent)
    {
        _process = process;
        _error = error;
        _paths = paths;
        Control = control;
        Agent = agent;
    }

    public QmpConnection Control { get; }

    public AgentConnection Agent { get; }

    public TimeSpan ProcessorTime
    {
        get
        {
            _process.Refresh();
            return _process.TotalProcessorTime;
        }
    }

    /// <summary>Starts QEMU, which connects to our sockets: there is nothing to poll for.</summary>
    public static async Task<QemuProcess> StartAsync(MachineFiles files, MachinePaths paths, IEnumerable<string> arguments, CancellationToken cancellationToken)
    {
        using Socket control = Listen(paths.Control);
        using Socket agent = Listen(paths.Agent);
        Process process = Process.Start(new ProcessStartInfo(files.Qemu, arguments) { UseShellExecute = false, RedirectStandardError = true })!;
        Task<string> error = process.StandardError.ReadToEndAsync(CancellationToken.None);
        try
        {
            Task<Socket> controlAccepted = control.AcceptAsync(cancellationToken).AsTask();
            Task<Socket> agentAccepted = agent.AcceptAsync(cancellationToken).AsTask();
            Task connected = Task.WhenAll(controlAccepted, agentAccepted);
            if (await Task.WhenAny(connected, process.WaitForExitAsync(cancellationToken)) != connected)
                throw new MachineException("QEMU ended");
            QmpConnection qmp = await QmpConnection.OpenAsync(await controlAccepted, cancellationToken);
            return new QemuProcess(process, error, paths, qmp, new AgentConnection(await agentAccepted));
        }
        catch (Exception exception)
        {
            Kill(process);
            if (exception is MachineException)
                throw new MachineException($"QEMU did not start: {await error}", exception);
            throw;
        }
    }

    /// <summary>What the kernel wrote to its console and QEMU to standard error, for messages.</summary>
    public string Describe()
    {
        string console = File.Exists(_paths.Console) ? string.Join('\n', File.ReadLines(_paths.Console).TakeLast(40)) : "";
        return $"console:\n{console}\nQEMU: {(_error.IsCompletedSuccessfully ? _error.Result : "running")}";
    }

    public async Task QuitAsync(CancellationToken cancellationToken)
    {
        await Control.RunAsync("quit", null, cancellationToken);
        await _process.WaitForExitAsync(cancellationToken);
    }

    /// <summary>SIGKILL, to the machine a power cut; gone when this returns.</summary>
    public void Dispose()
    {
        Kill(_process);
        Control.Dispose();
        Agent.Dispose();
    }

    private static void Kill(Process process)
    {
        process.Kill();
        process.WaitForExit();
        process.Dispose();
    }

    private static Socket Listen(string path)
    {
        File.Delete(path);
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Bind(new UnixDomainSocketEndPoint(path));
        socket.Listen(1);
        return socket;
    }
}
