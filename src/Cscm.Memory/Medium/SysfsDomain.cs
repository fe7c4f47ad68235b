using System.Globalization;

namespace Cscm.Memory.Medium;

/// <summary>What the kernel tells about the memory under a file: the file system it is on, and the regions under its device.</summary>
internal static class SysfsDomain
{
    private const int MaxDepth = 8;

    /// <summary>The mount that holds the path; null where none is found.</summary>
    public static MountPoint? MountOf(string path, IEnumerable<string> mountInfo)
    {
        MountPoint? best = null;
        foreach (string line in mountInfo)
        {
            // "36 35 98:0 /root /mount options... - type source superoptions", octal escapes in paths.
            string[] fields = line.Split(' ');
            int dash = Array.IndexOf(fields, "-");
            if (dash < 6 || fields.Length < dash + 2)
            {
                continue;
            }

            string mount = Unescape(fields[4]);
            bool holds = path == mount || mount == "/" || path.StartsWith(mount + "/", StringComparison.Ordinal);
            // A later mount on the same point hides the earlier.
            if (holds && (best is null || mount.Length >= best.Directory.Length))
            {
                best = new MountPoint(mount, fields[dash + 1], fields[2]);
            }
        }

        return best;
    }

    /// <summary>The persistence_domain of every region under a block device (major:minor) or a device-dax node.</summary>
    public static List<string> RegionsUnder(string sysRoot, string device, bool isDax)
    {
        var domains = new List<string>();
        Collect(Path.Combine(sysRoot, isDax ? "bus/dax/devices" : "dev/block", device), domains, 0);
        return domains;
    }

    private static void Collect(string device, List<string> domains, int depth)
    {
        if (depth > MaxDepth || !Directory.Exists(device))
        {
            return;
        }

        string slaves = Path.Combine(device, "slaves");
        string[] parts = Directory.Exists(slaves) ? Directory.GetFileSystemEntries(slaves) : [];
        if (parts.Length > 0)
        {
            // Device mapper, md: every part counts.
            foreach (string part in parts)
            {
                Collect(part, domains, depth + 1);
            }

            return;
        }

        string? at = new DirectoryInfo(device).ResolveLinkTarget(returnFinalTarget: true)?.FullName ?? device;
        for (; at is not null && at.Length > 1; at = Path.GetDirectoryName(at))
        {
            string file = Path.Combine(at, "persistence_domain");
            if (File.Exists(file))
            {
                domains.Add(File.ReadAllText(file).Trim());
                return;
            }
        }

        domains.Add("unknown");
    }

    private static string Unescape(string text)
    {
        int at;
        while ((at = text.IndexOf('\\', StringComparison.Ordinal)) >= 0 && at + 3 < text.Length)
        {
            char character = (char)Convert.ToInt32(text.Substring(at + 1, 3), 8);
            text = string.Create(CultureInfo.InvariantCulture, $"{text[..at]}{character}{text[(at + 4)..]}");
        }

        return text;
    }
}

internal sealed record MountPoint(string Directory, string FileSystem, string Device);
