using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using Cscm.Bench.Memory.Measuring;

namespace Cscm.Bench.Memory.Peers;

/// <summary>
/// A program to compare with, driven batch by batch over the line protocol of <c>bench/peers/peer.h</c>. It times its own batches, so
/// the pipe costs nothing, and sleeps between them. Not thread-safe.
/// </summary>
public sealed class Peer : IDisposable
{
    private readonly string _program;
    private readonly Process _process;

    private Peer(string program, Process process)
    {
        _program = program;
        _process = process;
    }

    /// <summary>Starts a program of <paramref name="directory"/> and waits until it is ready.</summary>
    /// <exception cref="BenchException">It is not built, or did not start.</exception>
    public static Peer Start(string directory, string program, params ReadOnlySpan<string> arguments)
    {
        var start = new ProcessStartInfo(Path.Combine(directory, program))
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            UseShellExecute = false,
        };
        foreach (string argument in (ReadOnlySpan<string>)[.. arguments, "--clock", Clock.Name])
            start.ArgumentList.Add(argument);

        Process process;
        try
        {
            process = Process.Start(start)!;
        }
        catch (Win32Exception exception)
        {
            throw new BenchException(
                $"{start.FileName}: {exception.Message}. Build the peers with bench/peers/build (it needs gcc, make, libpmemobj-dev "
                + "and libpmem-dev, and installs them as root on Debian), and name their directory by --peers.");
        }

        var peer = new Peer(program, process);
        try
        {
            string line = peer.ReadLine();
            if (!string.Equals(line, "ready", StringComparison.Ordinal))
                throw new BenchException($"{program}: expected 'ready' but got '{line}'");
            return peer;
        }
        catch
        {
            peer.Dispose();
            throw;
        }
    }

    /// <summary>Runs one batch.</summary>
    /// <exception cref="BenchException">The peer refused or ended; it has said why on standard error.</exception>
    public PeerReply Ask(string line)
    {
        try
        {
            _process.StandardInput.WriteLine(line);
            _process.StandardInput.Flush();
        }
        catch (IOException)
        {
            throw Ended();
        }

        string reply = ReadLine();
        if (reply.StartsWith("error ", StringComparison.Ordinal))
            throw new BenchException($"{_program}: {reply}");
        return PeerReply.Parse(reply);
    }

    public void Dispose()
    {
        // The end of its input ends a peer, at once, since it is between two batches.
        try
        {
            _process.StandardInput.Close();
        }
        catch (IOException)
        {
            // It has ended already.
        }

        if (!_process.WaitForExit(TimeSpan.FromSeconds(10)))
            _process.Kill();
        _process.Dispose();
    }

    private string ReadLine() => _process.StandardOutput.ReadLine() ?? throw Ended();

    private BenchException Ended()
    {
        _process.WaitForExit();
        return new BenchException($"{_program} ended with status {_process.ExitCode.ToString(CultureInfo.InvariantCulture)}; its own message stands above");
    }
}

/// <summary>A line of <c>name=value</c> pairs.</summary>
public sealed class PeerReply
{
    private readonly Dictionary<string, double> _values = [];
    private readonly string _line;

    private PeerReply(string line) => _line = line;

    public double this[string name] =>
        _values.TryGetValue(name, out double value) ? value : throw new BenchException($"the peer's answer '{_line}' has no '{name}'");

    public double NanosecondsPerOperation => this["ns"] / this["ops"];

    public static PeerReply Parse(string line)
    {
        var reply = new PeerReply(line);
        foreach (string pair in line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            int equals = pair.IndexOf('=', StringComparison.Ordinal);
            if (equals < 1 || !double.TryParse(pair.AsSpan(equals + 1), NumberStyles.Float, CultureInfo.InvariantCulture, out double value))
                throw new BenchException($"the peer answered '{line}', which is no line of name=value pairs");
            reply._values[pair[..equals]] = value;
        }

        return reply;
    }
}
