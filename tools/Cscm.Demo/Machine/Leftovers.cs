namespace Cscm.Demo.Machine;

/// <summary>What the driver and the containers may leave on a machine: mounts, loop devices, files.</summary>
internal static class Leftovers
{
    /// <returns>One line for each mount or loop device that has to do with a directory.</returns>
    public static IReadOnlyList<string> Find(string directory) =>
    [
        .. File.ReadLines("/proc/self/mountinfo")
            .Select(line => line.Split(' ')[4])
            .Where(mountPoint => IsBelow(mountPoint, directory))
            .Select(mountPoint => $"mount {mountPoint}"),
        .. LoopDevices(directory).Select(device => $"loop device {device}"),
    ];

    /// <returns>The names of all files below a directory that exists or not.</returns>
    public static IReadOnlyList<string> FindFiles(string directory, string pattern) => Directory.Exists(directory)
        ? [.. Directory.EnumerateFiles(directory, pattern, SearchOption.AllDirectories)]
        : [];

    private static IEnumerable<string> LoopDevices(string directory)
    {
        foreach (string device in Directory.EnumerateDirectories("/sys/block", "loop*"))
        {
            string? file = ReadBackingFile(device);
            if (file is not null && IsBelow(file, directory))
                yield return Path.GetFileName(device);
        }
    }

    private static string? ReadBackingFile(string device)
    {
        try
        {
            return File.ReadAllText(Path.Combine(device, "loop", "backing_file")).Trim();
        }
        catch (IOException)
        {
            // Not attached, or detached while we looked.
            return null;
        }
    }

    private static bool IsBelow(string path, string directory) => path.StartsWith(directory + "/", StringComparison.Ordinal);
}
