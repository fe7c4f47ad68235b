using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace Cscm.Chart.Tests;

/// <summary>Short ways through YAML nodes.</summary>
internal static class Yaml
{
    public static YamlNode? Find(this YamlNode node, params IEnumerable<string> path)
    {
        YamlNode? at = node;
        foreach (string key in path)
            at = at is YamlMappingNode mapping && mapping.Children.TryGetValue(new YamlScalarNode(key), out YamlNode? below) ? below : null;
        return at;
    }

    public static YamlNode At(this YamlNode node, params IEnumerable<string> path)
        => node.Find(path) ?? throw new InvalidDataException($"no {string.Join('.', path)} in {node}");

    public static string Text(this YamlNode node, params IEnumerable<string> path) => ((YamlScalarNode)node.At(path)).Value!;

    public static string? FindText(this YamlNode node, params IEnumerable<string> path) => (node.Find(path) as YamlScalarNode)?.Value;

    public static bool IsTrue(this YamlNode node, params IEnumerable<string> path) => node.FindText(path) == "true";

    public static IReadOnlyList<YamlNode> List(this YamlNode node, params IEnumerable<string> path)
        => node.Find(path) is YamlSequenceNode sequence ? [.. sequence.Children] : [];

    public static string[] Texts(this YamlNode node, params IEnumerable<string> path) => [.. node.List(path).Select(item => ((YamlScalarNode)item).Value!)];

    public static Dictionary<string, string> Map(this YamlNode node, params IEnumerable<string> path)
        => node.Find(path) is YamlMappingNode mapping ? mapping.Children.ToDictionary(pair => ((YamlScalarNode)pair.Key).Value!, pair => ((YamlScalarNode)pair.Value).Value!) : [];

    public static IEnumerable<YamlNode> Descendants(this YamlNode node) => node switch
    {
        YamlMappingNode mapping => [node, .. mapping.Children.Values.SelectMany(Descendants)],
        YamlSequenceNode sequence => [node, .. sequence.Children.SelectMany(Descendants)],
        _ => [node],
    };

    public static string Kind(this YamlNode item) => item.Text("kind");

    public static string Name(this YamlNode item) => item.Text("metadata", "name");

    public static bool IsQuoted(this YamlNode node) => node is YamlScalarNode { Style: ScalarStyle.SingleQuoted or ScalarStyle.DoubleQuoted };
}
