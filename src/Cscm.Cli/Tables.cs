namespace Cscm.Cli;

/// <summary>Tables for a terminal.</summary>
internal static class Tables
{
    /// <summary>Columns as wide as their widest cell; nothing if there is no row.</summary>
    public static void Write(TextWriter output, string[] head, IEnumerable<string[]> rows)
    {
        string[][] lines = [head, .. rows];
        if (lines.Length == 1)
            return;
        int[] widths = [.. head.Select((_, column) => lines.Max(line => line[column].Length))];
        foreach (string[] line in lines)
            output.WriteLine(string.Join("  ", line.Select((cell, column) => cell.PadRight(widths[column]))).TrimEnd());
        output.WriteLine();
    }

    public static string Size(long? bytes) => bytes switch
    {
        null => "-",
        >= 1L << 40 => $"{bytes / (double)(1L << 40):0.##}Ti",
        >= 1L << 30 => $"{bytes / (double)(1L << 30):0.##}Gi",
        >= 1L << 20 => $"{bytes / (double)(1L << 20):0.##}Mi",
        >= 1L << 10 => $"{bytes / (double)(1L << 10):0.##}Ki",
        _ => $"{bytes}",
    };

    public static string Text(long? value) => value?.ToString() ?? "-";
}
