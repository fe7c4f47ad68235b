using System.Globalization;

namespace Cscm.Grpc.Protocol;

/// <summary>The grpc-timeout header: at most eight digits and a unit.</summary>
internal static class GrpcTimeout
{
    private const int MaxDigits = 8;
    private const long MaxValue = 99_999_999;

    public static bool TryParse(string text, out TimeSpan timeout)
    {
        timeout = default;
        if (text.Length is < 2 or > MaxDigits + 1)
            return false;
        if (!long.TryParse(text.AsSpan(0, text.Length - 1), NumberStyles.None, CultureInfo.InvariantCulture, out var value))
            return false;

        // The largest, 99999999 hours, still fits: it is a third of TimeSpan.MaxValue's ticks.
        long? ticksPerUnit = text[^1] switch
        {
            'H' => TimeSpan.TicksPerHour,
            'M' => TimeSpan.TicksPerMinute,
            'S' => TimeSpan.TicksPerSecond,
            'm' => TimeSpan.TicksPerMillisecond,
            'u' => TimeSpan.TicksPerMicrosecond,
            'n' => 0,
            _ => null,
        };
        if (ticksPerUnit is null)
            return false;
        // Round nanoseconds up: a deadline of 1 ns is over soon, not before it began.
        timeout = TimeSpan.FromTicks(ticksPerUnit == 0 ? (value + 99) / 100 : value * ticksPerUnit.Value);
        return true;
    }

    public static string Format(TimeSpan timeout)
    {
        if (timeout <= TimeSpan.Zero)
            return "0n";
        var microseconds = timeout.Ticks / TimeSpan.TicksPerMicrosecond;
        if (microseconds <= MaxValue)
            return string.Create(CultureInfo.InvariantCulture, $"{Math.Max(microseconds, 1)}u");
        var milliseconds = timeout.Ticks / TimeSpan.TicksPerMillisecond;
        if (milliseconds <= MaxValue)
            return string.Create(CultureInfo.InvariantCulture, $"{milliseconds}m");
        var seconds = timeout.Ticks / TimeSpan.TicksPerSecond;
        return string.Create(CultureInfo.InvariantCulture, $"{Math.Min(seconds, MaxValue)}S");
    }
}
