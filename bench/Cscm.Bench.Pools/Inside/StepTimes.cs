using System.Diagnostics;
using Cscm.Storage;

namespace Cscm.Bench.Pools.Inside;

/// <summary>How long a call is between the steps that it announces: where its time goes. For one call at a time.</summary>
internal sealed class StepTimes : IStepObserver
{
    private readonly List<(string Step, long At)> _steps = [];
    private readonly Dictionary<string, List<double>> _milliseconds = new(StringComparer.Ordinal);
    private readonly List<string> _order = [];
    private readonly Lock _lock = new();
    private bool _isOn;

    public void Reached(string step)
    {
        lock (_lock)
        {
            if (_isOn)
                _steps.Add((step, Stopwatch.GetTimestamp()));
        }
    }

    public void Begin()
    {
        lock (_lock)
        {
            _steps.Clear();
            _isOn = true;
        }
        Reached("checks");
    }

    public void End()
    {
        long end = Stopwatch.GetTimestamp();
        lock (_lock)
        {
            _isOn = false;
            for (int i = 0; i < _steps.Count; i++)
            {
                string name = $"{i}:{_steps[i].Step}";
                if (!_milliseconds.TryGetValue(name, out List<double>? times))
                {
                    _milliseconds[name] = times = [];
                    _order.Add(name);
                }
                times.Add(Stopwatch.GetElapsedTime(_steps[i].At, i + 1 < _steps.Count ? _steps[i + 1].At : end).TotalMilliseconds);
            }
        }
    }

    /// <summary>Each step with the median of the time from it to the next, and forgets them.</summary>
    public string Take()
    {
        lock (_lock)
        {
            string text = string.Join(" ", _order.Select(name => $"{name}={Numbers.Median(_milliseconds[name]):0.00}"));
            _milliseconds.Clear();
            _order.Clear();
            return text;
        }
    }
}
