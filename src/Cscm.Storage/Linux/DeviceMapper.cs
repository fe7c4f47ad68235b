namespace Cscm.Storage.Linux;

/// <summary>
/// Devices of the device mapper, by the names that the kernel knows them by: nodes and links below /dev are made by udev, or by nobody.
/// </summary>
internal static class DeviceMapper
{
    /// <summary>The path of a device (<c>/dev/dm-3</c>, which the kernel itself makes); null if there is none of that name.</summary>
    public static string? Find(string name) => List().FirstOrDefault(device => device.Name == name).Path;

    /// <summary>All devices with their names.</summary>
    public static IEnumerable<(string Path, string Name)> List()
    {
        foreach (string directory in Directory.EnumerateDirectories("/sys/block", "dm-*"))
        {
            if (NameOf(directory) is { } name)
                yield return ("/dev/" + Path.GetFileName(directory), name);
        }
    }

    /// <summary>The name of a device; null if it is none of the device mapper's.</summary>
    public static string? NameOf(uint major, uint minor) => NameOf($"/sys/dev/block/{major}:{minor}");

    private static string? NameOf(string directory)
    {
        try
        {
            return File.ReadAllText(directory + "/dm/name").TrimEnd('\n');
        }
        catch (IOException)
        {
            // Gone while we looked, or another kind of device.
            return null;
        }
    }
}
