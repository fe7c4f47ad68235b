using System.Text.Json;
using YamlDotNet.RepresentationModel;

namespace Cscm.Chart.Tests;

/// <summary>values.yaml and values.schema.json describe the same values, and nothing else passes.</summary>
public sealed class SchemaTests
{
    /// <summary>Maps whose keys are the operator's.</summary>
    private static readonly string[] s_free =
    [
        "podLabels", "podAnnotations", "scmNodes.selector", "storageClasses", "controller.nodeSelector", "serviceAccounts.annotations", "metrics.serviceMonitor.labels",
    ];

    private static readonly JsonElement s_schema = JsonDocument.Parse(File.ReadAllText(Path.Combine(ValueSet.Chart, "values.schema.json"))).RootElement;

    [Fact]
    public void Every_value_is_in_the_schema_and_every_key_of_the_schema_is_a_value_or_optional()
    {
        // Left to the operator: keys of lists' items and maps that are empty by default.
        string[] optional = ["global", "controller.affinity.nodeAffinity", "controller.affinity.podAffinity", "controller.affinity.podAntiAffinity", "node.updateStrategy.rollingUpdate.maxSurge"];
        string[] known = [.. Keys(s_schema, "").Where(key => !key.Contains(".resources.", StringComparison.OrdinalIgnoreCase) && !key.Contains(".sidecarResources.", StringComparison.Ordinal)).Except(optional).Order()];
        string[] valued = [.. Keys(Values(), "").Where(key => !key.Contains(".resources.", StringComparison.OrdinalIgnoreCase) && !key.Contains(".sidecarResources.", StringComparison.Ordinal)).Order()];
        Assert.Equal(known, valued);
    }

    [Fact]
    public void Every_object_of_the_schema_is_closed_or_the_operators_own()
    {
        string[] open = [.. Objects(s_schema, "").Where(found => !(found.Schema.TryGetProperty("additionalProperties", out JsonElement more) && more.ValueKind is JsonValueKind.False or JsonValueKind.Object))
            .Select(found => found.Path)];
        Assert.Equal(["controller.affinity.nodeAffinity", "controller.affinity.podAffinity", "controller.affinity.podAntiAffinity", "global"], open.Order());
    }

    [Fact]
    public void Every_value_is_explained_where_it_stands_or_above_its_group()
    {
        string[] lines = File.ReadAllLines(Path.Combine(ValueSet.Chart, "values.yaml"));
        var bare = new List<string>();
        for (int i = 1; i < lines.Length; i++)
        {
            bool isTop = lines[i].Length > 0 && char.IsAsciiLetter(lines[i][0]);
            // A group explains itself by its members when they are explained.
            if (isTop && lines[i - 1].Length == 0 && !lines.Skip(i + 1).TakeWhile(line => line.StartsWith(' ')).Any(line => line.TrimStart().StartsWith('#')))
                bare.Add(lines[i]);
        }
        Assert.Equal(["rbac:"], bare);
    }

    public static TheoryData<string> Levels() => [.. Maps(Values(), "").Where(path => !s_free.Contains(path) && !path.StartsWith("storageClasses.", StringComparison.Ordinal)), "storageClasses.cscm", "storageClasses.cscm.parameters"];

    [RendererTheory]
    [MemberData(nameof(Levels))]
    public void An_unknown_key_is_refused_at_every_level(string path)
    {
        string[] keys = path.Split('.', StringSplitOptions.RemoveEmptyEntries);
        (string[] documents, string errors) = RenderWith([.. keys.Select((key, depth) => $"{new string(' ', depth)}{key}:"), $"{new string(' ', keys.Length)}bogus: 1"]);
        Assert.Empty(documents);
        Assert.Contains("bogus", errors, StringComparison.Ordinal);
    }

    [RendererTheory]
    [InlineData("logLevel: Loud", "logLevel")]
    [InlineData("sidecarImages: {resizer: {tag: latest}}", "sidecarImages.resizer.tag")]
    [InlineData("images: {tag: latest}", "images.tag")]
    [InlineData("otherNodes: {pools: []}", "otherNodes.pools")]
    [InlineData("otherNodes: {pools: [{name: Big, kind: dram, size: 1Gi}]}", "otherNodes.pools.0.name")]
    [InlineData("otherNodes: {pools: [{name: big, kind: dram}]}", "size is required")]
    [InlineData("scmNodes: {pools: [{name: big, kind: lvm, size: 1Gi, source: [sda]}]}", "source")]
    [InlineData("node: {stateDir: relative}", "node.stateDir")]
    [InlineData("controller: {replicas: 0}", "controller.replicas")]
    [InlineData("storageClasses: {cscm: {parameters: {dax: maybe}}}", "dax")]
    public void A_value_that_cannot_work_is_refused(string values, string where)
    {
        (string[] documents, string errors) = RenderWith([values]);
        Assert.Empty(documents);
        Assert.Contains(where, errors, StringComparison.Ordinal);
    }

    private static (string[] Documents, string Errors) RenderWith(string[] lines)
    {
        string file = Path.GetTempFileName();
        try
        {
            File.WriteAllLines(file, lines);
            return Renderer.TryRender(ValueSet.All[0], file);
        }
        finally
        {
            File.Delete(file);
        }
    }

    private static YamlMappingNode Values() => Documents.Parse(File.ReadAllText(Path.Combine(ValueSet.Chart, "values.yaml")));

    private static IEnumerable<string> Maps(YamlMappingNode map, string path) =>
    [
        path, .. map.Children.Where(pair => pair.Value is YamlMappingNode).SelectMany(pair => Maps((YamlMappingNode)pair.Value, Join(path, ((YamlScalarNode)pair.Key).Value!))),
    ];

    private static IEnumerable<string> Keys(YamlMappingNode map, string path)
    {
        foreach ((YamlNode key, YamlNode value) in map.Children)
        {
            string at = Join(path, ((YamlScalarNode)key).Value!);
            yield return at;
            if (value is YamlMappingNode below && !s_free.Contains(at))
            {
                foreach (string deeper in Keys(below, at))
                    yield return deeper;
            }
        }
    }

    private static IEnumerable<string> Keys(JsonElement schema, string path)
    {
        foreach (JsonProperty property in Resolve(schema).TryGetProperty("properties", out JsonElement properties) ? properties.EnumerateObject() : default)
        {
            string at = Join(path, property.Name);
            yield return at;
            foreach (string deeper in Keys(property.Value, at))
                yield return deeper;
        }
    }

    private static IEnumerable<(string Path, JsonElement Schema)> Objects(JsonElement schema, string path)
    {
        schema = Resolve(schema);
        if (schema.TryGetProperty("type", out JsonElement type) && type.ValueKind == JsonValueKind.String && type.GetString() == "object")
            yield return (path, schema);
        IEnumerable<(string, JsonElement)> below = schema.TryGetProperty("properties", out JsonElement properties) ? properties.EnumerateObject().Select(property => (Join(path, property.Name), property.Value)) : [];
        foreach (string single in (string[])["items", "additionalProperties"])
        {
            if (schema.TryGetProperty(single, out JsonElement one) && one.ValueKind == JsonValueKind.Object)
                below = below.Append(($"{path}[]", one));
        }
        foreach ((string at, JsonElement deeper) in below)
        {
            foreach ((string, JsonElement) found in Objects(deeper, at))
                yield return found;
        }
    }

    private static JsonElement Resolve(JsonElement schema) => schema.TryGetProperty("$ref", out JsonElement reference)
        ? s_schema.GetProperty("definitions").GetProperty(reference.GetString()!["#/definitions/".Length..])
        : schema;

    private static string Join(string path, string key) => path.Length == 0 ? key : $"{path}.{key}";
}
