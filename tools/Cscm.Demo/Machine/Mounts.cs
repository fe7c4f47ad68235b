namespace Cscm.Demo.Machine;

/// <summary>The mounts of this process' namespace (proc(5), mountinfo), as far as the demo tells of them.</summary>
internal static class Mounts
{
    /// <returns>"ext4 on /dev/loop3", "tmpfs"; of the last mount at the path.</returns>
    public static string Describe(string path)
    {
        string[] source = Find(path);
        return source[1].StartsWith('/') ? $"{source[0]} on {source[1]}" : source[0];
    }

    /// <returns>The device that is mounted at a path; empty if it is none.</returns>
    public static string FindDevice(string path) => Find(path)[1] is { } device && device.StartsWith("/dev/", StringComparison.Ordinal) ? device : "";

    /// <returns>File system type and source.</returns>
    private static string[] Find(string path)
    {
        string? line = File.ReadLines("/proc/self/mountinfo").LastOrDefault(mount => mount.Split(' ')[4] == path);
        return line?.Split(" - ")[^1].Split(' ')[..2] ?? throw new DemoException($"nothing is mounted at {path}, though the driver said so");
    }
}
