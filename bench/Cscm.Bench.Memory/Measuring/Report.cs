using System.Globalization;

namespace Cscm.Bench.Memory.Measuring;

/// <summary>A table of text cells; the first column is aligned left, the others right.</summary>
public sealed class Table(params string[] headings)
{
    private readonly List<string[]> _rows = [headings];

    public void Add(string name, params ReadOnlySpan<string> cells) => _rows.Add([name, .. cells]);

    public void Print()
    {
        int[] widths = [.. Enumerable.Range(0, headings.Length).Select(column => _rows.Max(row => row[column].Length))];
        foreach (string[] row in _rows)
            Console.WriteLine(string.Join("  ", row.Select((cell, i) => i == 0 ? cell.PadRight(widths[i]) : cell.PadLeft(widths[i]))));
    }
}

/// <summary>The figures of a benchmark, printed as its last line: <c>name=value</c> pairs in the order added.</summary>
public sealed class Figures
{
    private readonly List<string> _pairs = [];

    public void Add(string name, double value, string format = "0.00") =>
        _pairs.Add($"{name}={value.ToString(format, CultureInfo.InvariantCulture)}");

    public void Print() => Console.WriteLine(string.Join(' ', _pairs));
}
