using System.Globalization;
using System.Text;

namespace Cscm.Csi.Metrics;

/// <summary>Writes the Prometheus text format, version 0.0.4: families of samples, each told once what it is. Not thread-safe.</summary>
public sealed class MetricsText
{
    public const string ContentType = "text/plain; version=0.0.4; charset=utf-8";

    private readonly StringBuilder _text = new();

    /// <summary>Begins a family; its samples follow.</summary>
    /// <param name="name">With its unit, and <c>_total</c> for counters.</param>
    /// <param name="type">gauge, counter or histogram.</param>
    /// <param name="help">One line for people.</param>
    public MetricsText Family(string name, string type, string help)
    {
        _text.Append("# HELP ").Append(name).Append(' ').Append(help).Append('\n');
        _text.Append("# TYPE ").Append(name).Append(' ').Append(type).Append('\n');
        return this;
    }

    public MetricsText Sample(string name, double value, params ReadOnlySpan<(string Name, string Value)> labels)
    {
        _text.Append(name);
        for (int index = 0; index < labels.Length; index++)
            _text.Append(index == 0 ? '{' : ',').Append(labels[index].Name).Append("=\"").Append(Escape(labels[index].Value)).Append('"');
        if (labels.Length > 0)
            _text.Append('}');
        _text.Append(' ').Append(value.ToString(CultureInfo.InvariantCulture)).Append('\n');
        return this;
    }

    public override string ToString() => _text.ToString();

    private static string Escape(string value)
        => value.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);
}
