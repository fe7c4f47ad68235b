using Csi.V1;
using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace Cscm.Grpc.Tests;

/// <summary>Holds csi.proto to the specification's facts (Data/csi-1.13-contract.txt), in both directions.</summary>
public sealed class ContractTests
{
    private const string PackagePrefix = "csi.v1.";
    private const int FirstCsiOption = 1059;

    private static readonly FileDescriptorProto s_file = FileDescriptorProto.Parser.ParseFrom(CsiReflection.Descriptor.SerializedData);

    [Fact]
    public void The_contract_is_exactly_the_specifications()
    {
        var facts = File.ReadAllLines(Path.Combine(AppContext.BaseDirectory, "Data", "csi-1.13-contract.txt"))
            .Where(line => line.Length > 0 && !line.StartsWith('#'))
            .ToList();
        Assert.True(facts.Count > 300, "The facts file is not whole.");
        var ours = Facts().ToList();

        Assert.Equal([], facts.Except(ours).Order(StringComparer.Ordinal));
        Assert.Equal([], ours.Except(facts).Order(StringComparer.Ordinal));
        Assert.Equal(facts.Count, ours.Count);
    }

    [Fact]
    public void Every_message_is_part_of_some_call()
    {
        var reachable = new HashSet<string>(StringComparer.Ordinal);
        foreach (var method in CsiReflection.Descriptor.Services.SelectMany(service => service.Methods))
        {
            Visit(method.InputType);
            Visit(method.OutputType);
        }
        var declared = s_file.MessageType.Select(message => PackagePrefix + message.Name);
        Assert.Equal([], declared.Where(name => !reachable.Contains(name)));

        void Visit(MessageDescriptor message)
        {
            if (!reachable.Add(message.FullName))
                return;
            foreach (var field in message.Fields.InDeclarationOrder().Where(field => field.FieldType == FieldType.Message))
                Visit(field.MessageType);
        }
    }

    [Fact]
    public void The_options_have_the_specifications_names_and_numbers()
    {
        var options = s_file.Extension.Select(extension => $"{extension.Extendee} {extension.Name} {extension.Number} {extension.Type}");
        Assert.Equal(
            [
                ".google.protobuf.EnumOptions alpha_enum 1060 Bool",
                ".google.protobuf.EnumValueOptions alpha_enum_value 1060 Bool",
                ".google.protobuf.FieldOptions alpha_field 1060 Bool",
                ".google.protobuf.FieldOptions csi_secret 1059 Bool",
                ".google.protobuf.MessageOptions alpha_message 1060 Bool",
                ".google.protobuf.MethodOptions alpha_method 1060 Bool",
                ".google.protobuf.ServiceOptions alpha_service 1060 Bool",
            ],
            options.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void What_is_alpha_is_marked_so()
    {
        var services = s_file.Service.Where(service => IsAlpha(service.Options)).Select(service => service.Name);
        Assert.Equal(["SnapshotMetadata"], services);

        var methods = s_file.Service.SelectMany(service => service.Method).Where(method => IsAlpha(method.Options)).Select(method => method.Name);
        Assert.Equal(
            [
                "ControllerGetVolume", "ControllerGetVolumeHealth", "ControllerListVolumeHealth", "GetSnapshot",
                "NodeGetStorageHealth", "NodeGetVolumeHealth",
            ],
            methods.Order(StringComparer.Ordinal));

        // An alpha method's messages are alpha too, and no others but what only they use.
        var messages = s_file.MessageType.Where(message => IsAlpha(message.Options)).Select(message => message.Name).ToHashSet(StringComparer.Ordinal);
        var expected = methods.SelectMany(method => new[] { method + "Request", method + "Response" }).Append("VolumeHealth");
        Assert.Equal(expected.Order(StringComparer.Ordinal), messages.Order(StringComparer.Ordinal));

        var values = Enums(s_file.MessageType, "").Concat(s_file.EnumType.Select(type => (Path: "", Type: type)))
            .SelectMany(entry => entry.Type.Value.Where(value => IsAlpha(value.Options)).Select(value => $"{entry.Path}{value.Name}"));
        Assert.Equal(
            [
                "ControllerServiceCapability.RPC.GET_SNAPSHOT",
                "ControllerServiceCapability.RPC.GET_VOLUME",
                "ControllerServiceCapability.RPC.GET_VOLUME_HEALTH",
                "ControllerServiceCapability.RPC.LIST_VOLUME_HEALTH",
                "ControllerServiceCapability.RPC.SINGLE_NODE_MULTI_WRITER",
                "NodeServiceCapability.RPC.GET_STORAGE_HEALTH",
                "NodeServiceCapability.RPC.GET_VOLUME_HEALTH",
                "NodeServiceCapability.RPC.SINGLE_NODE_MULTI_WRITER",
                "PluginCapability.Service.SNAPSHOT_ACCESSIBILITY_CONSTRAINTS",
                "PluginCapability.Service.SNAPSHOT_METADATA_SERVICE",
                "VolumeCapability.AccessMode.SINGLE_NODE_MULTI_WRITER",
                "VolumeCapability.AccessMode.SINGLE_NODE_SINGLE_WRITER",
            ],
            values.Order(StringComparer.Ordinal));
    }

    private static IEnumerable<string> Facts()
    {
        foreach (var message in s_file.MessageType)
        {
            foreach (var fact in MessageFacts(message, message.Name))
                yield return fact;
        }
        foreach (var type in s_file.EnumType)
        {
            foreach (var value in type.Value)
                yield return $"enum {type.Name}.{value.Name} {value.Number}";
        }
        foreach (var service in s_file.Service)
        {
            foreach (var method in service.Method)
            {
                var request = (method.ClientStreaming ? "stream " : "") + method.InputType;
                var response = (method.ServerStreaming ? "stream " : "") + method.OutputType;
                yield return $"rpc {service.Name}.{method.Name} {request} -> {response}";
            }
        }
    }

    private static IEnumerable<string> MessageFacts(DescriptorProto message, string path)
    {
        foreach (var field in message.Field)
        {
            var repeated = field.Label == FieldDescriptorProto.Types.Label.Repeated ? "repeated " : "";
            var type = field.TypeName.Length > 0 ? field.TypeName : field.Type.ToString().ToLowerInvariant();
            var oneof = field.HasOneofIndex ? $" oneof={message.OneofDecl[field.OneofIndex].Name}" : "";
            var options = string.Concat(CsiOptions(field.Options).Select(option => $" ext{option.Number}={option.Value}"));
            yield return $"field {path}.{field.Name} {field.Number} {repeated}{type}{oneof}{options}";
        }
        foreach (var type in message.EnumType)
        {
            foreach (var value in type.Value)
                yield return $"enum {path}.{type.Name}.{value.Name} {value.Number}";
        }
        foreach (var nested in message.NestedType)
        {
            foreach (var fact in MessageFacts(nested, $"{path}.{nested.Name}"))
                yield return fact;
        }
    }

    private static IEnumerable<(string Path, EnumDescriptorProto Type)> Enums(IEnumerable<DescriptorProto> messages, string path) =>
        messages.SelectMany(message => message.EnumType.Select(type => ($"{path}{message.Name}.", type))
            .Concat(Enums(message.NestedType, $"{path}{message.Name}.")));

    private static bool IsAlpha(IMessage? options) => CsiOptions(options).Contains((1060, 1UL));

    /// <summary>Options by number, from their bytes: whatever the generated code would make of their names.</summary>
    private static List<(int Number, ulong Value)> CsiOptions(IMessage? options)
    {
        var found = new List<(int, ulong)>();
        if (options is null)
            return found;
        var input = new CodedInputStream(options.ToByteArray());
        while (input.ReadTag() is var tag && tag != 0)
        {
            var number = WireFormat.GetTagFieldNumber(tag);
            if (number >= FirstCsiOption && WireFormat.GetTagWireType(tag) == WireFormat.WireType.Varint)
                found.Add((number, input.ReadUInt64()));
            else
                input.SkipLastField();
        }
        found.Sort();
        return found;
    }
}
