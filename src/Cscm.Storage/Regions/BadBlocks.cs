namespace Cscm.Storage.Regions;

internal static class BadBlocks
{
    private const int SectorBytes = 512;

    /// <summary>Lines of "first-sector count", as all badblocks attributes have them.</summary>
    /// <exception cref="FormatException">A line is something else.</exception>
    public static IReadOnlyList<BadRange> Parse(string? text)
    {
        var ranges = new List<BadRange>();
        foreach (string line in (text ?? "").Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            string[] fields = line.Split(' ');
            if (fields.Length != 2 || !long.TryParse(fields[0], out long first) || !long.TryParse(fields[1], out long count))
                throw new FormatException($"badblocks holds '{line}', which is no sector and count");
            ranges.Add(new BadRange(first * SectorBytes, count * SectorBytes));
        }
        return ranges;
    }
}
