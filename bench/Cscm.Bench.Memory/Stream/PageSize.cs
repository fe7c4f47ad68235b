namespace Cscm.Bench.Memory.Stream;

/// <summary>What the page tables say.</summary>
public static class PageSize
{
    private static readonly string[] s_counters = ["AnonHugePages:", "ShmemPmdMapped:", "FilePmdMapped:"];

    /// <summary>Whether the mapping that holds this (touched) address has huge pages, as /proc/self/smaps tells.</summary>
    public static bool IsHuge(nuint address)
    {
        bool isInside = false;
        foreach (string line in File.ReadLines("/proc/self/smaps"))
        {
            string[] words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            string[] range = words[0].Split('-');
            if (range.Length == 2 && TryParse(range[0], out nuint start) && TryParse(range[1], out nuint end))
                isInside = start <= address && address < end;
            else if (isInside && s_counters.Contains(words[0]) && words[1] is not "0")
                return true;
        }

        return false;
    }

    private static bool TryParse(string hexadecimal, out nuint value) =>
        nuint.TryParse(hexadecimal, System.Globalization.NumberStyles.HexNumber, null, out value);
}
