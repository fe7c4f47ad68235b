using System.Diagnostics;

namespace Cscm.Csi.Tests.Driver;

/// <summary>Mounts and loop devices below a directory: what a driver or a failed test may leave behind.</summary>
public static class Leftovers
{
    /// <summary>Mount points below the directory, the deepest and newest first.</summary>
    public static IReadOnlyList<string> Mounts(string directory) =>
    [
        .. File.ReadLines("/proc/self/mountinfo")
            .Select(line => Unescape(line.Split(' ')[4]))
            .Where(point => point.StartsWith(directory + "/", StringComparison.Ordinal))
            .Reverse(),
    ];

    /// <summary>Loop devices whose image lies below the directory.</summary>
    public static IReadOnlyList<string> LoopDevices(string directory) =>
    [
        .. Directory.EnumerateDirectories("/sys/block", "loop*").Where(device => BackingFile(device).StartsWith(directory + "/", StringComparison.Ordinal))
            .Select(device => "/dev/" + Path.GetFileName(device)),
    ];

    public static void Remove(string directory)
    {
        foreach (string mount in Mounts(directory))
            Run("umount", "-l", mount);
        foreach (string device in LoopDevices(directory))
            Run("losetup", "-d", device);
        if (Mounts(directory).Count == 0)
            Directory.Delete(directory, recursive: true);
    }

    /// <summary>Runs a tool and returns what it printed.</summary>
    public static string Run(string tool, params string[] arguments)
    {
        var start = new ProcessStartInfo(tool) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (string argument in arguments)
            start.ArgumentList.Add(argument);
        using Process process = Process.Start(start)!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return output + errors.Result;
    }

    private static string BackingFile(string device)
    {
        try
        {
            return File.ReadAllText(Path.Combine(device, "loop", "backing_file")).Trim();
        }
        catch (IOException)
        {
            // Not attached, or detached while we looked.
            return "";
        }
    }

    private static string Unescape(string field) => field.Replace("\\040", " ", StringComparison.Ordinal).Replace("\\134", "\\", StringComparison.Ordinal);
}
