using System.Collections.Concurrent;
using System.Diagnostics;

namespace Cscm.Bench.Driver;

/// <summary>Times of calls by the call's name. Thread-safe.</summary>
internal sealed class Latencies
{
    private readonly ConcurrentDictionary<string, ConcurrentBag<double>> _milliseconds = new();
    private readonly ConcurrentQueue<string> _names = new();

    /// <summary>In the order in which they were first seen.</summary>
    public IEnumerable<string> Names => _names;

    public async Task<T> TimeAsync<T>(string name, Func<Task<T>> call)
    {
        long start = Stopwatch.GetTimestamp();
        T answer = await call();
        double milliseconds = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        if (!_milliseconds.TryGetValue(name, out ConcurrentBag<double>? bag))
        {
            bag = new ConcurrentBag<double>();
            if (_milliseconds.TryAdd(name, bag))
                _names.Enqueue(name);
            else
                bag = _milliseconds[name];
        }
        bag.Add(milliseconds);
        return answer;
    }

    /// <summary>Nearest rank.</summary>
    public double Percentile(string name, int percent)
    {
        double[] sorted = [.. _milliseconds[name].Order()];
        return sorted[Math.Max(0, (int)Math.Ceiling(percent / 100.0 * sorted.Length) - 1)];
    }
}
