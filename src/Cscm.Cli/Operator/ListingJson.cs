using System.Text;
using System.Text.Json;
using Cscm.Admin.V1;

namespace Cscm.Cli.Operator;

/// <summary>The driver's answers as JSON; sizes in bytes.</summary>
internal static class ListingJson
{
    public static string Render(ListPoolsResponse response) => Render(json =>
    {
        WriteArray(json, "pools", response.Pools, pool =>
        {
            json.WriteString("name", pool.Name);
            json.WriteString("kind", pool.Kind);
            json.WriteBoolean("isDefault", pool.IsDefault);
            if (pool.HasNumaNode)
                json.WriteNumber("numaNode", pool.NumaNode);
            json.WriteNumber("totalBytes", pool.TotalBytes);
            json.WriteNumber("availableBytes", pool.AvailableBytes);
            json.WriteNumber("maximumVolumeBytes", pool.MaximumVolumeBytes);
            json.WriteNumber("erasingBytes", pool.ErasingBytes);
            WriteStrings(json, "fileSystems", pool.FileSystems);
            json.WriteBoolean("supportsBlock", pool.SupportsBlock);
            json.WriteBoolean("supportsSnapshots", pool.SupportsSnapshots);
            WriteFindings(json, pool.Findings);
        });
        WriteFindings(json, response.Findings);
    });

    public static string Render(ListVolumesResponse response) => Render(json => WriteArray(json, "volumes", response.Volumes, volume =>
    {
        json.WriteString("id", volume.Id);
        json.WriteString("name", volume.Name);
        json.WriteString("pool", volume.Pool);
        json.WriteString("kind", volume.Kind);
        json.WriteString("fileSystem", volume.FileSystem);
        json.WriteNumber("capacityBytes", volume.CapacityBytes);
        json.WriteNumber("backingBytes", volume.BackingBytes);
        if (volume.HasNumaNode)
            json.WriteNumber("numaNode", volume.NumaNode);
        json.WriteString("createdAt", DateTimeOffset.FromUnixTimeSeconds(volume.CreatedAtSeconds));
        json.WriteString("stagingPath", volume.StagingPath);
        WriteStrings(json, "targetPaths", volume.TargetPaths);
        if (volume.Proof is { } proof)
        {
            json.WriteStartObject("proof");
            json.WriteString("dax", proof.Dax);
            json.WriteString("mapSync", proof.MapSync);
            json.WriteString("hugeMappings", proof.HugeMappings);
            json.WriteString("reason", proof.Reason);
            json.WriteEndObject();
        }
        WriteFindings(json, volume.Findings);
    }));

    private static string Render(Action<Utf8JsonWriter> write)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true }))
        {
            json.WriteStartObject();
            write(json);
            json.WriteEndObject();
        }
        return Encoding.UTF8.GetString(stream.ToArray());
    }

    private static void WriteArray<T>(Utf8JsonWriter json, string name, IEnumerable<T> items, Action<T> write)
    {
        json.WriteStartArray(name);
        foreach (T item in items)
        {
            json.WriteStartObject();
            write(item);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }

    private static void WriteStrings(Utf8JsonWriter json, string name, IEnumerable<string> values)
    {
        json.WriteStartArray(name);
        foreach (string value in values)
            json.WriteStringValue(value);
        json.WriteEndArray();
    }

    private static void WriteFindings(Utf8JsonWriter json, IEnumerable<Finding> findings) => WriteArray(json, "findings", findings, finding =>
    {
        json.WriteString("kind", finding.Kind);
        json.WriteString("reason", finding.Reason);
        json.WriteString("message", finding.Message);
    });
}
