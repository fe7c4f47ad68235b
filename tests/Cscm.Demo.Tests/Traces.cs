using System.Diagnostics;

namespace Cscm.Demo.Tests;

/// <summary>What a run with this temporary directory may leave on the machine.</summary>
internal static class Traces
{
    /// <summary>The kernel takes a moment to end the processes of a namespace.</summary>
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(50);

    public static async Task<IReadOnlyList<string>> FindLastingAsync(string directory)
    {
        var clock = Stopwatch.StartNew();
        while (true)
        {
            IReadOnlyList<string> found = Find(directory);
            if (found.Count == 0 || clock.Elapsed > s_limit)
                return found;
            await Task.Delay(s_pause);
        }
    }

    /// <returns>Files, mounts, loop devices and processes that have to do with the directory.</returns>
    public static IReadOnlyList<string> Find(string directory) =>
    [
        .. Directory.EnumerateFileSystemEntries(directory).Select(path => $"file {path}"),
        .. File.ReadLines("/proc/self/mountinfo").Where(line => line.Contains(directory, StringComparison.Ordinal)).Select(line => $"mount {line}"),
        .. Directory.EnumerateDirectories("/sys/block", "loop*").Where(device => ReadOrEmpty($"{device}/loop/backing_file").StartsWith(directory, StringComparison.Ordinal)),
        .. Directory.EnumerateDirectories("/proc")
            .Where(process => ReadOrEmpty($"{process}/cmdline").Contains(directory, StringComparison.Ordinal))
            .Select(process => $"process {process}: {ReadOrEmpty($"{process}/cmdline").Replace('\0', ' ')}"),
    ];

    private static string ReadOrEmpty(string file)
    {
        try
        {
            return File.ReadAllText(file);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // No process, no longer attached, or gone while we looked.
            return "";
        }
    }
}
