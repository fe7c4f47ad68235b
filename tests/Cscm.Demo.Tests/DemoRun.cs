using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;

namespace Cscm.Demo.Tests;

/// <summary>One run of ./demo, in a session of its own so that all of it can be killed at once.</summary>
internal sealed class DemoRun : IDisposable
{
    private readonly Process _process;
    private readonly StringBuilder _output = new();
    private readonly Task _reading;
    private readonly TaskCompletionSource _isSeen = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly string? _awaited;

    private DemoRun(Process process, string? awaited)
    {
        _process = process;
        _awaited = awaited;
        _reading = Task.WhenAll(ReadAsync(process.StandardOutput), ReadAsync(process.StandardError));
    }

    public static string Repository { get; } = RepositoryRoot.Path;

    /// <summary>All it has printed.</summary>
    public string Output
    {
        get
        {
            lock (_output)
                return _output.ToString();
        }
    }

    /// <param name="directory">Its temporary directory.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <param name="user">Who runs it; null for us.</param>
    /// <param name="awaited">A text to wait for by <see cref="WaitForTextAsync"/>.</param>
    public static DemoRun Start(string directory, IEnumerable<string> arguments, int? user = null, string? awaited = null)
    {
        string[] identity = user is { } id ? ["setpriv", $"--reuid={id}", $"--regid={id}", "--clear-groups"] : [];
        var start = new ProcessStartInfo("setsid") { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (string argument in (string[])[.. identity, Path.Combine(Repository, "demo"), .. arguments])
            start.ArgumentList.Add(argument);
        start.Environment["TMPDIR"] = directory;
        if (user is not null)
            start.Environment["HOME"] = directory;
        return new DemoRun(Process.Start(start)!, awaited);
    }

    public async Task<int> WaitAsync()
    {
        await _process.WaitForExitAsync();
        await _reading;
        return _process.ExitCode;
    }

    /// <summary>Waits until the awaited text was printed, or the run is over.</summary>
    public async Task WaitForTextAsync() => await Task.WhenAny(_isSeen.Task, _reading);

    /// <summary>Ends the script alone, as <c>kill</c> from another terminal does.</summary>
    public void Terminate() => Kill(_process.Id, 15);

    /// <summary>Kills the script and every process of its session: nobody is left to clean up.</summary>
    public void KillAll() => Kill(-_process.Id, 9);

    public void Dispose() => _process.Dispose();

    private static void Kill(int target, int signal)
    {
        if (Send(target, signal) != 0)
            throw new InvalidOperationException($"signal {signal} did not reach {target}: {Marshal.GetLastPInvokeErrorMessage()}");
    }

    [DllImport("libc", EntryPoint = "kill", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Send(int processId, int signal);

    private async Task ReadAsync(StreamReader reader)
    {
        while (await reader.ReadLineAsync() is { } line)
        {
            lock (_output)
                _output.AppendLine(line);
            if (_awaited is not null && line.Contains(_awaited, StringComparison.Ordinal))
                _isSeen.TrySetResult();
        }
    }
}
