using YamlDotNet.RepresentationModel;

namespace Cscm.Chart.Tests;

/// <summary>Documents of a rendered chart: in an order of their own, since Helm's depends on kinds and ours on files.</summary>
internal static class Documents
{
    public const string Source = "# Source: ";
    private const string Separator = "---\n";

    public static string[] Split(string text) =>
    [
        .. ("\n" + text).Split("\n" + Separator).Select(document => document.Trim()).Where(document => document.Length > 0).Order(StringComparer.Ordinal),
    ];

    public static string Join(IEnumerable<string> documents) => string.Concat(documents.Select(document => $"{Separator}{document}\n"));

    public static bool IsNotes(string document) => document.StartsWith($"{Source}cscm/templates/NOTES.txt", StringComparison.Ordinal);

    /// <summary>The committed objects of a value set.</summary>
    public static IReadOnlyList<YamlMappingNode> Committed(ValueSet set)
        => [.. Split(File.ReadAllText(set.RenderedFile)).Where(document => !IsNotes(document)).Select(Parse)];

    public static YamlMappingNode Parse(string document)
    {
        var stream = new YamlStream();
        stream.Load(new StringReader(document));
        return (YamlMappingNode)Assert.Single(stream.Documents).RootNode;
    }
}
