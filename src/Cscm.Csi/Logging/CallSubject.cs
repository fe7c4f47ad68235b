using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace Cscm.Csi.Logging;

/// <summary>What a request is about, for its log line: the volume or snapshot that it names.</summary>
internal static class CallSubject
{
    private static readonly string[] s_fields = ["volume_id", "snapshot_id", "group_snapshot_id", "name", "source_volume_id"];

    public static string Of(IMessage request)
    {
        foreach (string name in s_fields)
        {
            FieldDescriptor? field = request.Descriptor.FindFieldByName(name);
            if (field?.FieldType == FieldType.String && field.Accessor.GetValue(request) is string { Length: > 0 } value)
                return SingleLine.Of(value);
        }
        return "-";
    }
}
