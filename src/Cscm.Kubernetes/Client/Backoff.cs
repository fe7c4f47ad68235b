using System.Security.Cryptography;

namespace Cscm.Kubernetes;

/// <summary>How long to wait before the next try: twice as long each time, up to a bound, never all callers at one moment. Not thread-safe.</summary>
public sealed class Backoff(TimeSpan first, TimeSpan longest)
{
    private int _tries;

    public TimeSpan Next()
    {
        double ceiling = Math.Min(longest.TotalMilliseconds, first.TotalMilliseconds * Math.Pow(2, Math.Min(_tries++, 30)));
        return TimeSpan.FromMilliseconds(ceiling * (0.5 + (RandomNumberGenerator.GetInt32(1000) / 2000.0)));
    }

    public void Reset() => _tries = 0;
}
