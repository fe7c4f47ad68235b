using System.Text;

namespace Cscm.Storage.Linux;

/// <param name="MountId">Unique among the mounts that exist now.</param>
/// <param name="Device"><c>major:minor</c> of the file system.</param>
/// <param name="Root">The path within the file system that forms the mount's root.</param>
/// <param name="MountPoint">Where it is mounted.</param>
/// <param name="FileSystem">The file system's type.</param>
/// <param name="Source">Device or name, as the file system tells it.</param>
/// <param name="SuperOptions">Options of the file system, comma-separated.</param>
internal sealed record MountEntry(
    ulong MountId, string Device, string Root, string MountPoint, string FileSystem, string Source, string SuperOptions);

/// <summary>Reads <c>/proc/self/mountinfo</c> (proc_pid_mountinfo(5)). Costs time by the number of mounts: for start-up and repair only.</summary>
internal static class MountTable
{
    public static IReadOnlyList<MountEntry> Read() => Parse(File.ReadLines("/proc/self/mountinfo"));

    public static IReadOnlyList<MountEntry> Parse(IEnumerable<string> lines)
    {
        var entries = new List<MountEntry>();
        foreach (string line in lines)
        {
            string[] fields = line.Split(' ');
            int separator = Array.IndexOf(fields, "-", 6);
            if (separator < 0 || separator + 3 >= fields.Length)
                continue;
            entries.Add(new MountEntry(
                ulong.Parse(fields[0]), fields[2], Unescape(fields[3]), Unescape(fields[4]),
                fields[separator + 1], Unescape(fields[separator + 2]), fields[separator + 3]));
        }
        return entries;
    }

    /// <summary>Space, tab, newline and backslash stand as three octal digits.</summary>
    private static string Unescape(string field)
    {
        if (!field.Contains('\\'))
            return field;
        var bytes = new List<byte>(field.Length);
        byte[] raw = Encoding.UTF8.GetBytes(field);
        for (int i = 0; i < raw.Length; i++)
        {
            bool isEscape = raw[i] == '\\' && i + 3 < raw.Length;
            bytes.Add(isEscape ? (byte)(((raw[i + 1] - '0') << 6) | ((raw[i + 2] - '0') << 3) | (raw[i + 3] - '0')) : raw[i]);
            i += isEscape ? 3 : 0;
        }
        return Encoding.UTF8.GetString([.. bytes]);
    }
}
