using System.Collections.Concurrent;
using System.Globalization;
using Grpc.Core;

namespace Cscm.Csi.Metrics;

/// <summary>Counts and times calls by method and code, as the sidecars' <c>csi_sidecar_operations_seconds</c> does on their side. Thread-safe.</summary>
public sealed class CallMetrics : IMetricsSource
{
    private const string Name = "cscm_csi_operations_seconds";

    /// <summary>From a system call's time to a kubelet's patience.</summary>
    private static readonly double[] s_boundsSeconds = [0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 15, 120];

    private readonly ConcurrentDictionary<(string Method, StatusCode Code), Cell> _cells = new();

    public void Add(string method, StatusCode code, TimeSpan duration) => _cells.GetOrAdd((method, code), static _ => new Cell()).Add(duration.TotalSeconds);

    public void Write(MetricsText text)
    {
        text.Family(Name, "histogram", "Durations of CSI calls by method and gRPC code.");
        foreach (((string method, StatusCode code), Cell cell) in _cells.OrderBy(pair => pair.Key.Method, StringComparer.Ordinal).ThenBy(pair => pair.Key.Code))
            cell.Write(text, method, code.ToString());
    }

    private sealed class Cell
    {
        private readonly Lock _lock = new();
        private readonly long[] _counts = new long[s_boundsSeconds.Length + 1];
        private double _sumSeconds;

        public void Add(double seconds)
        {
            int bucket = Array.FindIndex(s_boundsSeconds, bound => seconds <= bound);
            lock (_lock)
            {
                _counts[bucket < 0 ? s_boundsSeconds.Length : bucket]++;
                _sumSeconds += seconds;
            }
        }

        public void Write(MetricsText text, string method, string code)
        {
            lock (_lock)
            {
                long count = 0;
                for (int bucket = 0; bucket < _counts.Length; bucket++)
                {
                    count += _counts[bucket];
                    string bound = bucket < s_boundsSeconds.Length ? s_boundsSeconds[bucket].ToString(CultureInfo.InvariantCulture) : "+Inf";
                    text.Sample(Name + "_bucket", count, ("method", method), ("code", code), ("le", bound));
                }
                text.Sample(Name + "_sum", _sumSeconds, ("method", method), ("code", code));
                text.Sample(Name + "_count", count, ("method", method), ("code", code));
            }
        }
    }
}
