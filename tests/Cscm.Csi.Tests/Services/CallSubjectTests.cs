using Csi.V1;
using Cscm.Csi.Logging;
using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace Cscm.Csi.Tests.Services;

public sealed class CallSubjectTests
{
    private static readonly string[] s_subjects = ["volume_id", "snapshot_id", "group_snapshot_id", "name", "target_snapshot_id", "source_volume_id"];

    public static TheoryData<string> Requests =>
    [
        .. CsiReflection.Descriptor.MessageTypes.Where(type => type.Name.EndsWith("Request", StringComparison.Ordinal)).Select(type => type.Name),
    ];

    [Theory]
    [MemberData(nameof(Requests))]
    public void Every_request_that_names_a_volume_or_a_snapshot_shows_it_in_its_log_line(string name)
    {
        MessageDescriptor type = CsiReflection.Descriptor.MessageTypes.Single(type => type.Name == name);
        IMessage request = type.Parser.ParseFrom(ByteString.Empty);
        Assert.Equal("-", CallSubject.Of(request));
        foreach (string subject in s_subjects)
        {
            if (type.FindFieldByName(subject) is not { FieldType: FieldType.String } field)
                continue;
            field.Accessor.SetValue(request, "it\nis");
            Assert.DoesNotContain('\n', CallSubject.Of(request));
            Assert.StartsWith("it", CallSubject.Of(request), StringComparison.Ordinal);
            return;
        }
    }
}
