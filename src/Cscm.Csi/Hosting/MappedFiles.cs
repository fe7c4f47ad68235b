using System.Globalization;
using System.Runtime.InteropServices;

namespace Cscm.Csi.Hosting;

/// <summary>
/// The program's own files, as mapped into its memory. Most of their pages are touched by the start alone; unmapped, they stay in the
/// machine's page cache as long as it has room, and a page that is needed again costs a minor fault.
/// </summary>
internal static class MappedFiles
{
    private const int MadvDontNeed = 4;

    /// <summary>Unmaps every page that the file alone can bring back. Errors are ignored: nothing depends on it.</summary>
    public static void Release()
    {
        try
        {
            foreach ((nuint start, nuint lengthBytes) in Unchanged(File.ReadLines("/proc/self/smaps")).ToList())
                _ = MAdvise(start, lengthBytes, MadvDontNeed);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // Without /proc the pages stay.
        }
    }

    /// <summary>
    /// Mappings of files, shared or code, that are not writable and of which no page was ever changed (<c>Anonymous: 0 kB</c>): what was
    /// relocated exists nowhere else. Private data is left out altogether, since a library that is just being loaded may be relocating it.
    /// Format: proc(5), /proc/pid/smaps.
    /// </summary>
    internal static IEnumerable<(nuint Start, nuint LengthBytes)> Unchanged(IEnumerable<string> smaps)
    {
        (nuint Start, nuint LengthBytes)? candidate = null;
        foreach (string line in smaps)
        {
            if (line.StartsWith("Anonymous:", StringComparison.Ordinal))
            {
                if (candidate is { } mapping && line.EndsWith(" 0 kB", StringComparison.Ordinal))
                    yield return mapping;
                candidate = null;
            }
            else if (line.Length > 0 && char.IsAsciiHexDigitLower(line[0]))
            {
                candidate = OfFile(line);
            }
        }
    }

    /// <summary>From a line like <c>7f00-7f40 r-xp 00000000 fe:00 42    /path</c>; null for what is writable, private data, or no file.</summary>
    private static (nuint Start, nuint LengthBytes)? OfFile(string line)
    {
        string[] fields = line.Split(' ', 6, StringSplitOptions.RemoveEmptyEntries);
        if (fields.Length < 6 || fields[1] is not ("r-xp" or "r-xs" or "r--s") || fields[5][0] != '/' || fields[5].StartsWith("/memfd:", StringComparison.Ordinal))
            return null;
        int dash = fields[0].IndexOf('-', StringComparison.Ordinal);
        nuint start = Address(fields[0].AsSpan(0, dash));
        return (start, Address(fields[0].AsSpan(dash + 1)) - start);
    }

    private static nuint Address(ReadOnlySpan<char> hexadecimal) => nuint.Parse(hexadecimal, NumberStyles.HexNumber, CultureInfo.InvariantCulture);

    [DllImport("libc", EntryPoint = "madvise", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int MAdvise(nuint address, nuint lengthBytes, int advice);
}
