using System.Reflection;
using System.Text.Json;
using YamlDotNet.RepresentationModel;

namespace Cscm.Kubernetes.Tests;

/// <summary>The CRDs and the C# records describe the same objects: every field of one is in the other, with the same type.</summary>
public sealed class SchemaTests
{
    public static TheoryData<string, Type> Kinds() => new()
    {
        { "scmvolumes", typeof(ScmVolume) },
        { "scmsnapshots", typeof(ScmSnapshot) },
        { "scmnodes", typeof(ScmNode) },
    };

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Every_field_of_the_record_is_in_the_schema_and_the_other_way_round(string plural, Type type)
    {
        YamlMappingNode schema = At(Version(plural), "schema", "openAPIV3Schema");
        foreach (string part in (string[])["spec", "status"])
        {
            PropertyInfo? property = type.GetProperty(part, BindingFlags.IgnoreCase | BindingFlags.Public | BindingFlags.Instance);
            YamlNode? below = Find(At(schema, "properties"), part);
            Assert.Equal(property is null, below is null);
            if (property is not null)
                Compare(property.PropertyType, (YamlMappingNode)below!, part);
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void The_definition_names_what_the_client_asks_for(string plural, Type type)
    {
        YamlMappingNode root = Load(plural);
        Assert.Equal($"{plural}.{ScmNames.Group}", Text(At(root, "metadata"), "name"));
        Assert.Equal(plural, Text(At(root, "spec", "names"), "plural"));
        Assert.Equal(type.Name, Text(At(root, "spec", "names"), "kind"));
        Assert.Equal("Cluster", Text(At(root, "spec"), "scope"));
        Assert.Equal(ScmNames.Version, Text(Version(plural), "name"));
        Assert.NotNull(Find(At(Version(plural), "subresources"), "status"));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Printer_columns_show_fields_that_exist(string plural, Type type)
    {
        Assert.Contains("Status", type.GetProperties().Select(property => property.Name));
        var columns = (YamlSequenceNode)Find(Version(plural), "additionalPrinterColumns")!;
        Assert.NotEmpty(columns);
        foreach (YamlMappingNode column in columns.Cast<YamlMappingNode>())
        {
            string path = Text(column, "jsonPath")!;
            // Of a list the server shows the first entry and says nothing of the others.
            Assert.DoesNotContain("[*]", path, StringComparison.Ordinal);
            if (path.StartsWith(".metadata.", StringComparison.Ordinal))
                continue;
            YamlMappingNode at = At(Version(plural), "schema", "openAPIV3Schema");
            foreach (string step in path.Split('.', StringSplitOptions.RemoveEmptyEntries).Select(step => step.Split('[')[0]).Where(step => step is not ("type==\"DaxProven\")]" or "type==\"Healthy\")]")))
            {
                if (Find(at, "items") is YamlMappingNode items)
                    at = items;
                Assert.True(Find(At(at, "properties"), step) is YamlMappingNode, $"{plural}: {path} has no {step}");
                at = At(at, "properties", step);
            }
        }
    }

    [Fact]
    public void Enumerations_of_the_schema_are_the_words_that_the_code_knows()
    {
        YamlMappingNode status = At(Version("scmvolumes"), "schema", "openAPIV3Schema", "properties", "status", "properties");
        Assert.Equal([ScmPhase.Pending, ScmPhase.Ready, ScmPhase.Failed], [.. ((YamlSequenceNode)Find(At(status, "phase"), "enum")!).Select(word => ((YamlScalarNode)word).Value!)]);
    }

    private static void Compare(Type type, YamlMappingNode schema, string where)
    {
        type = Nullable.GetUnderlyingType(type) ?? type;
        string expected = type == typeof(string) || type == typeof(DateTimeOffset) ? "string"
            : type == typeof(long) || type == typeof(int) ? "integer"
            : type == typeof(bool) ? "boolean"
            : IsList(type) ? "array" : "object";
        Assert.True(expected == Text(schema, "type"), $"{where} is {expected} in C# and {Text(schema, "type")} in the schema");
        string? format = type == typeof(long) ? "int64" : type == typeof(int) ? "int32" : type == typeof(DateTimeOffset) ? "date-time" : null;
        Assert.True(format == Text(schema, "format"), $"{where} has the format {Text(schema, "format")}, and should have {format}");
        if (expected == "array")
            Compare(type.GetGenericArguments()[0], At(schema, "items"), where + "[]");
        if (expected != "object")
            return;
        string[] inCode = [.. type.GetProperties(BindingFlags.Public | BindingFlags.Instance).Select(property => JsonNamingPolicy.CamelCase.ConvertName(property.Name)).Order(StringComparer.Ordinal)];
        string[] inSchema = [.. At(schema, "properties").Children.Keys.Select(key => ((YamlScalarNode)key).Value!).Order(StringComparer.Ordinal)];
        Assert.Equal(inCode, inSchema);
        foreach (PropertyInfo property in type.GetProperties(BindingFlags.Public | BindingFlags.Instance))
        {
            string name = JsonNamingPolicy.CamelCase.ConvertName(property.Name);
            Compare(property.PropertyType, At(schema, "properties", name), $"{where}.{name}");
        }
    }

    private static bool IsList(Type type) => type.IsGenericType && type.GetGenericTypeDefinition() == typeof(IReadOnlyList<>);

    private static YamlMappingNode Version(string plural) => (YamlMappingNode)((YamlSequenceNode)Find(At(Load(plural), "spec"), "versions")!)[0];

    private static YamlMappingNode Load(string plural)
    {
        using var reader = new StreamReader(Path.Combine(RepositoryRoot.Path, "charts", "cscm", "crds", plural + ".yaml"));
        var stream = new YamlStream();
        stream.Load(reader);
        return (YamlMappingNode)stream.Documents[0].RootNode;
    }

    private static YamlMappingNode At(YamlMappingNode node, params string[] path)
        => path.Aggregate(node, (current, step) => (YamlMappingNode)(Find(current, step) ?? throw new KeyNotFoundException(step)));

    private static YamlNode? Find(YamlMappingNode node, string key) => node.Children.TryGetValue(new YamlScalarNode(key), out YamlNode? value) ? value : null;

    private static string? Text(YamlMappingNode node, string key) => (Find(node, key) as YamlScalarNode)?.Value;
}
