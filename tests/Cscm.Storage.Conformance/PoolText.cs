namespace Cscm.Storage.Conformance;

/// <summary>A pool as text: <c>name=fast,kind=xfs,size=1073741824,source=/dev/pmem0</c>.</summary>
internal static class PoolText
{
    public static PoolOptions Parse(string text)
    {
        Dictionary<string, string> fields = text.Split(',').Select(pair => pair.Split('=', 2)).ToDictionary(pair => pair[0], pair => pair[1], StringComparer.Ordinal);
        return new PoolOptions
        {
            Name = fields["name"],
            Kind = Enum.Parse<PoolKind>(fields["kind"], ignoreCase: true),
            SizeBytes = ParseSize(fields["size"]),
            Path = fields.GetValueOrDefault("path"),
            DefaultFileSystem = fields.GetValueOrDefault("fileSystem", "ext4"),
            Stripes = int.Parse(fields.GetValueOrDefault("stripes", "1")),
            Sources = fields.TryGetValue("source", out string? sources) ? PoolSource.ParseList(sources) : [],
        };
    }

    private static long ParseSize(string text) => text.EndsWith("Mi", StringComparison.Ordinal) ? long.Parse(text[..^2]) << 20 : long.Parse(text);
}
