namespace Cscm.Memory.Native;

/// <summary>How large a file or a device-dax node is.</summary>
internal static class MediumSize
{
    private const int SeekEnd = 2;

    public static long Of(string path, int fd)
    {
        string? sysfs = DeviceSizeFile(path);
        if (sysfs is not null && File.Exists(sysfs) && long.TryParse(File.ReadAllText(sysfs).Trim(), out long deviceBytes))
        {
            return deviceBytes;
        }

        long size = LibC.Seek(fd, 0, SeekEnd);
        return size >= 0
            ? size
            : throw new ScmSystemException(path, $"its size cannot be found: {LibC.LastError()}", "Give a file, a directory or a device-dax node");
    }

    /// <summary>Such a node can be mapped, shared and in whole pages of 2 MiB, and nothing else: neither read nor written.</summary>
    public static bool IsDeviceDax(string path) => path.StartsWith("/dev/dax", StringComparison.Ordinal);

    // A character device has no length of its own: sysfs knows it.
    private static string? DeviceSizeFile(string path) => IsDeviceDax(path) ? $"/sys/bus/dax/devices/{Path.GetFileName(path)}/size" : null;
}
