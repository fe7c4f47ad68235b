using Cscm.Csi.Validation;
using Cscm.Storage;

namespace Cscm.Csi.Hosting;

/// <summary>One pool from its fields, wherever they were written: a flag or the file.</summary>
public static class PoolFields
{
    private const string Known = "name, kind, size, path, fileSystem, source, stripes, eraseRate, numaNode, hugePages, default";

    public static PoolOptions Read(IReadOnlyDictionary<string, string> fields, string where)
    {
        var options = new PoolOptions
        {
            Name = Required(fields, "name", where),
            Kind = ParseKind(Required(fields, "kind", where)),
            SizeBytes = ParseSize(Required(fields, "size", where)),
        };
        foreach ((string key, string value) in fields)
        {
            options = key switch
            {
                "name" or "kind" or "size" => options,
                "path" => options with { Path = value },
                "fileSystem" => options with { DefaultFileSystem = value },
                "source" => options with { Sources = ParseSources(value) },
                "stripes" => options with { Stripes = ParseStripes(value) },
                "eraseRate" => options with { EraseBytesPerSecond = ParseEraseRate(value) },
                "numaNode" => options with { NumaNode = ParseNumaNode(value) },
                "hugePages" => options with { HugePages = ParseHugePages(value) },
                "default" => options with { IsDefault = ParseBoolean(value, "default") },
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

    private static PoolKind ParseKind(string text) => text switch
    {
        "file" => PoolKind.File,
        "dram" => PoolKind.Dram,
        "lvm" => PoolKind.Lvm,
        "xfs" => PoolKind.Xfs,
        "namespace" => PoolKind.Namespace,
        _ => throw new UsageException($"pool kind '{text}' is unknown: use file, dram, lvm, xfs or namespace"),
    };

    private static HugePages ParseHugePages(string text) => text switch
    {
        "never" => HugePages.Never,
        "advise" => HugePages.Advise,
        "withinSize" => HugePages.WithinSize,
        "always" => HugePages.Always,
        _ => throw new UsageException($"hugePages '{text}' is unknown: use never, advise, withinSize or always"),
    };

    /// <exception cref="UsageException">The text is no size.</exception>
    public static long ParseSize(string text) => Quantity.TryParse(text, out long sizeBytes) && sizeBytes > 0
        ? sizeBytes
        : throw new UsageException($"size '{text}' is not a positive number of bytes: write 1073741824 or 1Gi");

    private static IReadOnlyList<PoolSource> ParseSources(string text)
    {
        try
        {
            return PoolSource.ParseList(text);
        }
        catch (FormatException exception)
        {
            throw new UsageException($"source {exception.Message}");
        }
    }

    private static long ParseEraseRate(string text) => Quantity.TryParse(text, out long bytesPerSecond) && bytesPerSecond > 0
        ? bytesPerSecond
        : throw new UsageException($"eraseRate '{text}' is not a positive number of bytes per second: write 200Mi, or leave it out for no limit");

    private static int ParseStripes(string text) => int.TryParse(text, out int stripes) && stripes > 0
        ? stripes
        : throw new UsageException($"stripes '{text}' is not a number of devices: write 1, 2, …");

    private static int ParseNumaNode(string text) => int.TryParse(text, out int node) && node >= 0
        ? node
        : throw new UsageException($"numaNode '{text}' is not a node number: write 0, 1, …");

    private static bool ParseBoolean(string text, string key) => text switch
    {
        "true" => true,
        "false" => false,
        _ => throw new UsageException($"{key} '{text}' is neither true nor false"),
    };

    private static string Required(IReadOnlyDictionary<string, string> fields, string key, string where)
        => fields.TryGetValue(key, out string? value) && value.Length > 0
            ? value
            : throw new UsageException($"{where} lacks '{key}': a pool needs name, kind and size");
}
