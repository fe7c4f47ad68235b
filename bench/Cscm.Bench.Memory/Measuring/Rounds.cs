namespace Cscm.Bench.Memory.Measuring;

/// <summary>
/// Interleaved measurement: every round runs all contestants, so that what the machine does meanwhile meets them all alike, in an order
/// shuffled anew, so that none profits from what another leaves in the caches. A comparison is the median of the rounds' ratios, never a ratio of two runs apart.
/// </summary>
public static class Rounds
{
    /// <summary>Runs every contestant once per round; the warm-up rounds' results are thrown away.</summary>
    /// <returns>The results by contestant and round.</returns>
    public static T[][] Run<T>(int warmups, int rounds, params ReadOnlySpan<Func<T>> contestants)
    {
        var results = new T[contestants.Length][];
        for (int c = 0; c < results.Length; c++)
            results[c] = new T[rounds];
        int[] order = [.. Enumerable.Range(0, contestants.Length)];
        var random = new Random(1);
        for (int round = -warmups; round < rounds; round++)
        {
            random.Shuffle(order);
            foreach (int c in order)
            {
                T result = contestants[c]();
                if (round >= 0)
                    results[c][round] = result;
            }
        }

        return results;
    }

    public static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        int middle = sorted.Length / 2;
        return int.IsOddInteger(sorted.Length) ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }

    /// <summary>How many times faster ours is: the median over the rounds of theirs / ours, both in time.</summary>
    public static double Speedup(IEnumerable<double> ours, IEnumerable<double> theirs) => Median(theirs.Zip(ours, (t, o) => t / o));
}
