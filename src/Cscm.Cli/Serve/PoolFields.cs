using Cscm.Storage;

namespace Cscm.Cli.Serve;

/// <summary>One pool from its fields, wherever they were written: a flag or the file.</summary>
internal static class PoolFields
{
    private const string Known = "name, kind, size, path, fileSystem, source, stripes, numaNode, hugePages, default";

    public static PoolOptions Read(IReadOnlyDictionary<string, string> fields, string where)
    {
        var options = new PoolOptions
        {
            Name = Required(fields, "name", where),
            Kind = ServeSettings.ParseKind(Required(fields, "kind", where)),
            SizeBytes = ServeSettings.ParseSize(Required(fields, "size", where)),
        };
        foreach ((string key, string value) in fields)
        {
            options = key switch
            {
                "name" or "kind" or "size" => options,
                "path" => options with { Path = value },
                "fileSystem" => options with { DefaultFileSystem = value },
                "source" => options with { Sources = ServeSettings.ParseSources(value) },
                "stripes" => options with { Stripes = ServeSettings.ParseStripes(value) },
                "numaNode" => options with { NumaNode = ServeSettings.ParseNumaNode(value) },
                "hugePages" => options with { HugePages = ServeSettings.ParseHugePages(value) },
                "default" => options with { IsDefault = ServeSettings.ParseBoolean(value, "default") },
                _ => throw new UsageException($"{where} has the unknown field '{key}': use {Known}"),
            };
        }
        return options;
    }

    /// <summary>Reads a flag's value: <c>name=fast,kind=file,size=10Gi</c>.</summary>
    public static PoolOptions ReadFlag(string text)
    {
        var fields = new Dictionary<string, string>();
        foreach (string pair in text.Split(','))
        {
            int separator = pair.IndexOf('=');
            if (separator <= 0)
                throw new UsageException($"--pool {text}: '{pair}' is not key=value; write name=fast,kind=file,size=10Gi");
            if (!fields.TryAdd(pair[..separator], pair[(separator + 1)..]))
                throw new UsageException($"--pool {text}: '{pair[..separator]}' is given twice");
        }
        return Read(fields, $"--pool {text}");
    }

    private static string Required(IReadOnlyDictionary<string, string> fields, string key, string where)
        => fields.TryGetValue(key, out string? value) && value.Length > 0
            ? value
            : throw new UsageException($"{where} lacks '{key}': a pool needs name, kind and size");
}
