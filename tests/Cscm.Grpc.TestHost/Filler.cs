using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace Cscm.Grpc.TestHost;

/// <summary>
/// A message with every field set, by a rule that each interop client follows too (see tests/interop/README.md): what one
/// side fills in, the other can tell apart from a wrong, missing or swapped field.
/// </summary>
public static class Filler
{
    private const int NumberFactor = 1000;
    private const int NumberOffset = 7;

    public static TMessage Fill<TMessage>()
        where TMessage : class
    {
        var message = (IMessage)Activator.CreateInstance<TMessage>()!;
        Fill(message);
        return (TMessage)message;
    }

    public static void Fill(IMessage message)
    {
        ArgumentNullException.ThrowIfNull(message);
        foreach (var field in message.Descriptor.Fields.InFieldNumberOrder())
        {
            // Of a oneof the last member wins, as it would on the wire.
            if (field.ContainingOneof is { } oneof && oneof.Fields.MaxBy(member => member.FieldNumber) != field)
                continue;
            if (field.IsMap)
            {
                var map = (System.Collections.IDictionary)field.Accessor.GetValue(message);
                map.Add($"key-{field.FieldNumber}", $"{field.Name}-{field.FieldNumber}");
            }
            else if (field.IsRepeated)
            {
                var list = (System.Collections.IList)field.Accessor.GetValue(message);
                list.Add(Value(field));
                list.Add(Value(field));
            }
            else
            {
                field.Accessor.SetValue(message, Value(field));
            }
        }
    }

    private static object Value(FieldDescriptor field)
    {
        switch (field.FieldType)
        {
            case FieldType.String:
                return $"{field.Name}-{field.FieldNumber}-é";
            case FieldType.Bool:
                return true;
            case FieldType.Int32:
                return field.FieldNumber * NumberFactor + NumberOffset;
            case FieldType.Int64:
                // Beyond 2^53, where a client that keeps numbers as doubles would lose a bit.
                return (1L << 60) + field.FieldNumber * NumberFactor + NumberOffset;
            case FieldType.Enum:
                return Enum.ToObject(field.EnumType.ClrType, field.EnumType.Values.Max(value => value.Number));
            case FieldType.Message when field.MessageType.ClrType == typeof(Google.Protobuf.WellKnownTypes.Int64Value):
                return (1L << 60) + field.FieldNumber;
            case FieldType.Message when field.MessageType.ClrType == typeof(Google.Protobuf.WellKnownTypes.BoolValue):
                return true;
            case FieldType.Message when field.MessageType.ClrType == typeof(Google.Protobuf.WellKnownTypes.Timestamp):
                return new Google.Protobuf.WellKnownTypes.Timestamp { Seconds = NumberFactor * field.FieldNumber, Nanos = NumberOffset };
            case FieldType.Message:
                var message = (IMessage)Activator.CreateInstance(field.MessageType.ClrType)!;
                Fill(message);
                return message;
            default:
                throw new NotSupportedException($"csi.proto has no field of type {field.FieldType} yet: add it to the rule.");
        }
    }
}
