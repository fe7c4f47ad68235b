namespace Cscm.Csi.Logging;

/// <summary>Text from outside, made safe for a log of lines: no control characters, bounded length.</summary>
internal static class SingleLine
{
    private const int MaximumLength = 1024;

    public static string Of(string text)
    {
        bool isClean = text.Length <= MaximumLength && !text.Any(char.IsControl);
        return isClean ? text : new string([.. text.Take(MaximumLength).Select(c => char.IsControl(c) ? '?' : c)]);
    }
}
