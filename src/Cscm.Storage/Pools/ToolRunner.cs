using System.Diagnostics;

namespace Cscm.Storage.Pools;

/// <summary>Runs the external tools that are the only interface to something (mkfs, resize2fs).</summary>
internal static class ToolRunner
{
    private static readonly string[] s_directories = ["/usr/sbin", "/sbin", "/usr/bin", "/bin", "/usr/local/sbin", "/usr/local/bin"];

    private static long s_spentTicks;

    /// <summary>How long this process has waited for tools, summed over parallel ones.</summary>
    public static TimeSpan Spent => TimeSpan.FromTicks(Interlocked.Read(ref s_spentTicks));

    /// <summary>Runs a tool to its end. Cancelling kills it.</summary>
    /// <exception cref="StorageException">FailedPrecondition: the tool is not installed.</exception>
    public static async Task<(int ExitCode, string Output)> RunAsync(
        string tool, string package, IEnumerable<string> arguments, CancellationToken cancellationToken)
    {
        (int exitCode, string output, string errors) = await CaptureAsync(tool, package, arguments, environment: null, cancellationToken);
        return (exitCode, $"{output.Trim()}\n{errors.Trim()}".Trim());
    }

    /// <summary>As <see cref="RunAsync"/>, with standard output (a report, say) and standard error apart.</summary>
    /// <param name="tool">Its name, without a directory.</param>
    /// <param name="package">Debian's name of what has it.</param>
    /// <param name="arguments">One each.</param>
    /// <param name="environment">Variables beside our own.</param>
    /// <param name="cancellationToken">Kills the tool.</param>
    public static async Task<(int ExitCode, string Output, string Errors)> CaptureAsync(
        string tool, string package, IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? environment, CancellationToken cancellationToken)
    {
        string path = s_directories.Select(directory => Path.Combine(directory, tool)).FirstOrDefault(File.Exists)
            ?? throw new StorageException(StorageErrorKind.FailedPrecondition, $"the tool {tool} is not installed on this node: install the package {package}");
        var start = new ProcessStartInfo(path)
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = "/",
        };
        foreach (string argument in arguments)
            start.ArgumentList.Add(argument);
        start.Environment["LC_ALL"] = "C";
        foreach ((string name, string value) in environment ?? new Dictionary<string, string>())
            start.Environment[name] = value;

        long begun = Stopwatch.GetTimestamp();
        using Process process = Process.Start(start) ?? throw new IOException($"{path} could not be started");
        process.StandardInput.Close();
        // Both pipes are drained at once: a tool that fills the one that nobody reads would never end.
        Task<string> output = process.StandardOutput.ReadToEndAsync(CancellationToken.None);
        Task<string> errors = process.StandardError.ReadToEndAsync(CancellationToken.None);
        try
        {
            await process.WaitForExitAsync(cancellationToken);
        }
        catch (OperationCanceledException)
        {
            process.Kill();
            await process.WaitForExitAsync(CancellationToken.None);
            throw;
        }
        Interlocked.Add(ref s_spentTicks, Stopwatch.GetElapsedTime(begun).Ticks);
        return (process.ExitCode, await output, await errors);
    }

    /// <summary>Waits until no other process has a file open.</summary>
    /// <exception cref="StorageException">Unavailable: one still has after a minute.</exception>
    public static void WaitForOthers(string file)
    {
        const int Tries = 600;
        for (int attempt = 0; attempt < Tries; attempt++)
        {
            if (!IsOpenElsewhere(file))
                return;
            Thread.Sleep(100);
        }
        throw new StorageException(StorageErrorKind.Unavailable, $"another process still has {file} open: end it (fuser -v {file} names it), then restart the driver");
    }

    private static bool IsOpenElsewhere(string file)
    {
        foreach (string process in Directory.EnumerateDirectories("/proc").Where(path => char.IsAsciiDigit(path["/proc/".Length])))
        {
            try
            {
                if (process != $"/proc/{Environment.ProcessId}"
                    && Directory.EnumerateFileSystemEntries(process + "/fd").Any(link => File.ResolveLinkTarget(link, returnFinalTarget: false)?.FullName == file))
                {
                    return true;
                }
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // Ended while we looked, or not ours to look at.
            }
        }
        return false;
    }

    /// <summary>As <see cref="RunAsync"/>, for a tool whose only good exit code is zero.</summary>
    public static async Task RunOrThrowAsync(string tool, string package, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        (int exitCode, string output) = await RunAsync(tool, package, arguments, cancellationToken);
        if (exitCode != 0)
            throw new StorageException(StorageErrorKind.Internal, $"{tool} {string.Join(' ', arguments)} ended with exit code {exitCode}: {output}");
    }
}
