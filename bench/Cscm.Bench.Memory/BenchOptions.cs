namespace Cscm.Bench.Memory;

/// <summary>The <c>--name value</c> pairs of a command line. A name nobody asks for is refused by <see cref="RefuseUnknown"/>.</summary>
public sealed class BenchOptions
{
    private readonly Dictionary<string, string> _values = [];
    private readonly HashSet<string> _known = [];

    public BenchOptions(ReadOnlySpan<string> arguments)
    {
        for (int i = 0; i < arguments.Length; i += 2)
        {
            if (!arguments[i].StartsWith("--", StringComparison.Ordinal) || i + 1 == arguments.Length)
                throw new BenchException($"'{arguments[i]}': options are --name value pairs");
            _values[arguments[i][2..]] = arguments[i + 1];
        }
    }

    public string Text(string name, string fallback)
    {
        _known.Add(name);
        return _values.GetValueOrDefault(name, fallback);
    }

    public int Count(string name, int fallback)
    {
        string text = Text(name, fallback.ToString());
        return int.TryParse(text, out int value) && value > 0
            ? value
            : throw new BenchException($"--{name} {text}: not a positive whole number");
    }

    /// <summary>Call after the last option was read, before the work.</summary>
    public void RefuseUnknown()
    {
        foreach (string name in _values.Keys)
        {
            if (!_known.Contains(name))
                throw new BenchException($"--{name} is no option of this benchmark; it has: --{string.Join(", --", _known.Order())}");
        }
    }
}
