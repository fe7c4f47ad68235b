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

    // A character device has no length of its own: sysfs knows it.
    private static string? DeviceSizeFile(string path)
    {
        string name = Path.GetFileName(path);
        return path.StartsWith("/dev/dax", StringComparison.Ordinal) ? $"/sys/bus/dax/devices/{name}/size" : null;
    }
}
