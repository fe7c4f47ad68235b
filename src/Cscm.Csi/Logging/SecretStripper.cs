using Csi.V1;
using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace Cscm.Csi.Logging;

/// <summary>
/// Formats a message as JSON with every field that carries the <c>csi_secret</c> option emptied, at any depth. The option decides,
/// so a secret field that a later specification adds is stripped without a change here.
/// </summary>
public static class SecretStripper
{
    private const string Stripped = "***stripped***";

    public static string Format(IMessage message)
    {
        IMessage copy = message.Descriptor.Parser.ParseFrom(message.ToByteString());
        Strip(copy);
        return SingleLine.Of(JsonFormatter.Default.Format(copy));
    }

    private static void Strip(IMessage message)
    {
        foreach (FieldDescriptor field in message.Descriptor.Fields.InDeclarationOrder())
        {
            if (IsSecret(field))
                Empty(message, field);
            else if (field.IsMap && field.MessageType.FindFieldByNumber(2).FieldType == FieldType.Message)
                StripAll(((System.Collections.IDictionary)field.Accessor.GetValue(message)).Values);
            else if (field.IsRepeated && field.FieldType == FieldType.Message && !field.IsMap)
                StripAll((System.Collections.IEnumerable)field.Accessor.GetValue(message));
            else if (!field.IsRepeated && field.FieldType == FieldType.Message && field.Accessor.GetValue(message) is IMessage inner)
                Strip(inner);
        }
    }

    private static void StripAll(System.Collections.IEnumerable messages)
    {
        foreach (object item in messages)
        {
            if (item is IMessage message)
                Strip(message);
        }
    }

    private static bool IsSecret(FieldDescriptor field)
        => field.GetOptions() is { } options && options.GetExtension(CsiExtensions.CsiSecret);

    private static void Empty(IMessage message, FieldDescriptor field)
    {
        if (field.IsMap)
        {
            // The keys say which secrets were given, which helps; the values must go.
            var map = (System.Collections.IDictionary)field.Accessor.GetValue(message);
            foreach (object key in map.Keys.Cast<object>().ToArray())
                map[key] = Stripped;
        }
        else
        {
            field.Accessor.Clear(message);
        }
    }
}
