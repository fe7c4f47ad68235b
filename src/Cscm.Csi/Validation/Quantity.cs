using System.Globalization;

namespace Cscm.Csi.Validation;

/// <summary>Kubernetes quantities, as far as sizes need them: whole numbers with an optional binary or decimal suffix.</summary>
public static class Quantity
{
    private static readonly (string Suffix, long Factor)[] s_units =
    [
        ("Ki", 1L << 10), ("Mi", 1L << 20), ("Gi", 1L << 30), ("Ti", 1L << 40), ("Pi", 1L << 50),
        ("k", 1_000), ("M", 1_000_000), ("G", 1_000_000_000), ("T", 1_000_000_000_000), ("P", 1_000_000_000_000_000),
    ];

    /// <returns>False if the text is no quantity, or does not fit 63 bits.</returns>
    public static bool TryParse(string text, out long sizeBytes)
    {
        (string suffix, long factor) = s_units.FirstOrDefault(unit => text.EndsWith(unit.Suffix, StringComparison.Ordinal), ("", 1));
        sizeBytes = 0;
        if (!long.TryParse(text.AsSpan(0, text.Length - suffix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out long number)
            || number > long.MaxValue / factor)
        {
            return false;
        }
        sizeBytes = number * factor;
        return true;
    }

    /// <summary>The shortest binary form: 2Gi, 1536Mi, 12345.</summary>
    public static string Format(long sizeBytes)
    {
        foreach ((string suffix, long factor) in s_units.Take(5).Reverse())
        {
            if (sizeBytes >= factor && sizeBytes % factor == 0)
                return $"{sizeBytes / factor}{suffix}";
        }
        return sizeBytes.ToString(CultureInfo.InvariantCulture);
    }
}
