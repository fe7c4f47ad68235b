using System.Text.Json.Serialization;

namespace Cscm.Storage.State;

[JsonSourceGenerationOptions(
    UseStringEnumConverter = true,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    // A field that this version does not know would be lost by the next write.
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
[JsonSerializable(typeof(VolumeRecord))]
[JsonSerializable(typeof(SnapshotRecord))]
[JsonSerializable(typeof(GroupRecord))]
internal sealed partial class StateJson : JsonSerializerContext;
