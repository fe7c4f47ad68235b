using System.Globalization;

namespace Cscm.Storage.Regions;

/// <summary>A directory of sysfs and the values of its attributes: one per file, often absent, sometimes refusing to be read.</summary>
internal sealed class SysfsDirectory
{
    private SysfsDirectory(string path) => Path = path;

    /// <summary>Without symbolic links, so that parents are the device's own.</summary>
    public string Path { get; }

    public string Name => System.IO.Path.GetFileName(Path);

    public SysfsDirectory Parent => new(System.IO.Path.GetDirectoryName(Path)!);

    /// <summary>The devices of a bus, in the order of their names' numbers; none if the kernel does not have the bus.</summary>
    public static IReadOnlyList<SysfsDirectory> DevicesOf(string root, string bus)
    {
        string devices = System.IO.Path.Combine(root, "bus", bus, "devices");
        if (!Directory.Exists(devices))
            return [];
        return [.. Directory.EnumerateFileSystemEntries(devices).Select(Resolve).OfType<SysfsDirectory>().OrderBy(device => device.Name, NumericOrder)];
    }

    /// <summary>The directories below; none if this one is gone meanwhile, as devices come and go.</summary>
    public IEnumerable<SysfsDirectory> Children(string prefix)
    {
        try
        {
            return [.. Directory.EnumerateDirectories(Path, prefix + "*").Select(path => new SysfsDirectory(path)).OrderBy(child => child.Name, NumericOrder)];
        }
        catch (DirectoryNotFoundException)
        {
            return [];
        }
    }

    public SysfsDirectory? Child(string name)
    {
        string path = System.IO.Path.Combine(Path, name);
        return Directory.Exists(path) ? new SysfsDirectory(path) : null;
    }

    /// <summary>An attribute without its line end; null if it is absent, unreadable (a device that is off says ENXIO) or empty.</summary>
    public string? Text(string attribute)
    {
        try
        {
            string text = File.ReadAllText(System.IO.Path.Combine(Path, attribute)).Trim();
            return text.Length == 0 ? null : text;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>A number, decimal or 0x-prefixed; null if there is none.</summary>
    /// <exception cref="FormatException">The attribute holds something else.</exception>
    public ulong? Number(string attribute)
    {
        string? text = Text(attribute);
        if (text is null)
            return null;
        bool isHex = text.StartsWith("0x", StringComparison.Ordinal);
        if (ulong.TryParse(isHex ? text[2..] : text, isHex ? NumberStyles.AllowHexSpecifier : NumberStyles.None, CultureInfo.InvariantCulture, out ulong number))
            return number;
        throw new FormatException($"{System.IO.Path.Combine(Path, attribute)} holds '{text}', which is no number");
    }

    public long? Size(string attribute) => (long?)Number(attribute);

    /// <exception cref="FormatException">The attribute is absent, or no number.</exception>
    public long RequiredSize(string attribute) => Size(attribute)
        ?? throw new FormatException($"{System.IO.Path.Combine(Path, attribute)} cannot be read");

    /// <summary>The attribute numa_node; null for -1, which stands for none.</summary>
    public int? NumaNode() => Text("numa_node") is string text && int.TryParse(text, CultureInfo.InvariantCulture, out int node) && node >= 0 ? node : null;

    /// <summary>region2 before region10.</summary>
    private static Comparer<string> NumericOrder { get; } = Comparer<string>.Create((a, b) => string.CompareOrdinal(Padded(a), Padded(b)));

    private static string Padded(string name)
    {
        string[] parts = name.TrimStart("abcdefghijklmnopqrstuvwxyz_-").ToString().Split('.');
        return string.Join('.', parts.Select(part => part.PadLeft(8, '0')));
    }

    /// <summary>The device that a link of a bus leads to; null if it is gone meanwhile.</summary>
    private static SysfsDirectory? Resolve(string path)
    {
        try
        {
            string final = new DirectoryInfo(path).ResolveLinkTarget(returnFinalTarget: true)?.FullName ?? path;
            return Directory.Exists(final) ? new SysfsDirectory(final) : null;
        }
        catch (IOException)
        {
            return null;
        }
    }
}
