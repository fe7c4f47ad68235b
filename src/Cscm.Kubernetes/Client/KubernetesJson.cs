using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace Cscm.Kubernetes;

/// <summary>How our objects become JSON: generated at build time, since trimming would break reflection.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    Converters = [typeof(MicroTimeConverter)])]
[JsonSerializable(typeof(ScmVolume))]
[JsonSerializable(typeof(ObjectList<ScmVolume>))]
[JsonSerializable(typeof(ScmSnapshot))]
[JsonSerializable(typeof(ObjectList<ScmSnapshot>))]
[JsonSerializable(typeof(ScmNode))]
[JsonSerializable(typeof(ObjectList<ScmNode>))]
[JsonSerializable(typeof(Node))]
[JsonSerializable(typeof(ObjectList<Node>))]
[JsonSerializable(typeof(PersistentVolume))]
[JsonSerializable(typeof(ObjectList<PersistentVolume>))]
[JsonSerializable(typeof(SnapshotContent))]
[JsonSerializable(typeof(ObjectList<SnapshotContent>))]
[JsonSerializable(typeof(Lease))]
[JsonSerializable(typeof(ObjectList<Lease>))]
[JsonSerializable(typeof(EventObject))]
[JsonSerializable(typeof(ObjectList<EventObject>))]
[JsonSerializable(typeof(ApiStatus))]
[JsonSerializable(typeof(DeleteOptions))]
[JsonSerializable(typeof(JsonObject))]
internal sealed partial class KubernetesJson : JsonSerializerContext;

internal sealed record DeleteOptions(Preconditions? Preconditions = null)
{
    public string ApiVersion { get; init; } = "v1";
    public string Kind { get; init; } = "DeleteOptions";
}

internal sealed record Preconditions(string? Uid = null);
