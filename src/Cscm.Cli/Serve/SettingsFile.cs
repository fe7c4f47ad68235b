using Cscm.Csi.Hosting;
using Cscm.Storage;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace Cscm.Cli.Serve;

/// <summary>
/// Reads the YAML settings file. Node by node rather than by reflection, which trimming would break; unknown keys are refused with
/// their line.
/// </summary>
internal static class SettingsFile
{
    public static ServeSettings Read(string path)
    {
        try
        {
            using var reader = new StreamReader(path);
            return Read(reader, path);
        }
        catch (IOException exception)
        {
            throw new UsageException($"settings file {path} cannot be read: {exception.Message}");
        }
        catch (UnauthorizedAccessException)
        {
            throw new UsageException($"settings file {path} cannot be read: permission denied");
        }
    }

    public static ServeSettings Read(TextReader reader, string path)
    {
        var stream = new YamlStream();
        try
        {
            stream.Load(reader);
        }
        catch (YamlException exception)
        {
            throw new UsageException($"{path}:{exception.Start.Line}: not YAML: {exception.Message}");
        }
        if (stream.Documents.Count == 0)
            return new ServeSettings();
        if (stream.Documents[0].RootNode is not YamlMappingNode root)
            throw new UsageException($"{path}: the file must be a mapping of settings");
        var settings = new ServeSettings();
        foreach ((YamlNode keyNode, YamlNode value) in root.Children)
        {
            string key = Scalar(keyNode, path);
            settings = key switch
            {
                "endpoint" => settings with { Endpoint = Scalar(value, path) },
                "stateDirectory" => settings with { StateDirectory = Scalar(value, path) },
                "nodeId" => settings with { NodeId = Scalar(value, path) },
                "maximumVolumes" => settings with { MaximumVolumes = Number(value, path) },
                "csiVersion" => settings with { ClaimsCsi113 = ServeSettings.ParseCsiVersion(Scalar(value, path)) },
                "metricsAddress" => settings with { MetricsAddress = ServeSettings.ParseMetricsAddress(Scalar(value, path)) },
                "pools" => settings with { Pools = Pools(value, path) },
                _ => throw new UsageException(
                    $"{Where(keyNode, path)}: unknown setting '{key}': use endpoint, stateDirectory, nodeId, maximumVolumes, csiVersion, metricsAddress or pools"),
            };
        }
        return settings;
    }

    private static PoolOptions[] Pools(YamlNode node, string path)
    {
        if (node is not YamlSequenceNode sequence)
            throw new UsageException($"{Where(node, path)}: pools must be a list");
        return [.. sequence.Children.Select(pool => PoolFields.Read(Fields(pool, path), Where(pool, path)))];
    }

    private static Dictionary<string, string> Fields(YamlNode node, string path)
    {
        if (node is not YamlMappingNode mapping)
            throw new UsageException($"{Where(node, path)}: a pool must be a mapping with name, kind and size");
        return mapping.Children.ToDictionary(pair => Scalar(pair.Key, path), pair => Scalar(pair.Value, path));
    }

    private static long Number(YamlNode node, string path) => long.TryParse(Scalar(node, path), out long number) && number >= 0
        ? number
        : throw new UsageException($"{Where(node, path)}: '{node}' is not a number, zero or more");

    private static string Scalar(YamlNode node, string path) => node is YamlScalarNode { Value: { } value }
        ? value
        : throw new UsageException($"{Where(node, path)}: a single value is expected here");

    private static string Where(YamlNode node, string path) => $"{path}:{node.Start.Line}";
}
