using Csi.V1;
using Cscm.Csi.Logging;
using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace Cscm.Csi.Tests.Services;

/// <summary>No value of a field that the contract marks csi_secret is ever written.</summary>
public sealed class SecretStripperTests
{
    private const string Secret = "hunter2-very-secret";

    public static TheoryData<string> SecretFields()
    {
        var data = new TheoryData<string>();
        foreach (FieldDescriptor field in AllFields().Where(field => field.GetOptions()?.GetExtension(CsiExtensions.CsiSecret) == true))
            data.Add($"{field.ContainingType.Name}.{field.Name}");
        return data;
    }

    [Theory]
    [MemberData(nameof(SecretFields))]
    public void A_secret_field_is_stripped_and_its_keys_stay(string path)
    {
        FieldDescriptor field = AllFields().Single(candidate => $"{candidate.ContainingType.Name}.{candidate.Name}" == path);
        IMessage message = field.ContainingType.Parser.ParseFrom([]);
        ((IDictionary<string, string>)field.Accessor.GetValue(message))["password"] = Secret;

        string text = SecretStripper.Format(message);

        Assert.DoesNotContain(Secret, text, StringComparison.Ordinal);
        Assert.Contains("password", text, StringComparison.Ordinal);
        Assert.Contains("***stripped***", text, StringComparison.Ordinal);
        Assert.Equal(Secret, ((IDictionary<string, string>)field.Accessor.GetValue(message))["password"]);
    }

    [Fact]
    public void Every_field_named_secrets_is_marked_and_so_found_above()
    {
        string[] named = [.. AllFields().Where(field => field.Name == "secrets").Select(field => $"{field.ContainingType.Name}.secrets")];
        Assert.True(named.Length >= 22, $"only {named.Length} fields are named secrets");
        IEnumerable<object[]> marked = SecretFields();
        Assert.Empty(named.Except(marked.Select(row => (string)row[0])));
    }

    [Fact]
    public void What_is_no_secret_is_written()
        => Assert.Contains("\"pvc-7\"", SecretStripper.Format(new CreateVolumeRequest { Name = "pvc-7" }), StringComparison.Ordinal);

    [Fact]
    public void A_message_is_one_line_whatever_it_holds()
    {
        string text = SecretStripper.Format(new CreateVolumeRequest { Name = "a\nlevel=error forged\r\u0085\u001b[31m" + new string('x', 5000) });
        Assert.DoesNotContain(text, char.IsControl);
        Assert.True(text.Length <= 1024);
    }

    private static IEnumerable<FieldDescriptor> AllFields() => CsiReflection.Descriptor.MessageTypes.SelectMany(WithNested)
        .SelectMany(message => message.Fields.InDeclarationOrder());

    private static IEnumerable<MessageDescriptor> WithNested(MessageDescriptor message)
        => message.NestedTypes.Where(nested => nested.GetOptions()?.MapEntry != true).SelectMany(WithNested).Prepend(message);
}
