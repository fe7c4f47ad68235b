using Csi.V1;
using Cscm.Csi.Tests.Fakes;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Grpc.Core;

namespace Cscm.Csi.Tests.Services;

/// <summary>Every field of every request, wrong in every way that its kind can be: refused before storage is asked for anything.</summary>
public sealed class BadInputTests
{
    private static readonly string[] s_attaching = ["ControllerPublishVolumeRequest", "ControllerUnpublishVolumeRequest"];

    public static TheoryData<string, string> WrongValues()
    {
        var data = new TheoryData<string, string>();
        foreach ((string field, FieldKind kind) in FieldKinds.All)
        {
            foreach (BadValue value in BadValues.Of(kind))
                data.Add(field, value.Name);
        }
        return data;
    }

    [Theory]
    [MemberData(nameof(WrongValues))]
    public async Task A_wrong_value_is_refused_before_any_side_effect(string path, string what)
    {
        string[] parts = path.Split('.');
        BadValue value = BadValues.Of(FieldKinds.All[path]).Single(candidate => candidate.Name == what);
        IMessage request = ValidRequests.Named(parts[0]);
        value.Apply(request, request.Descriptor.FindFieldByName(parts[1]));
        var driver = new InProcessDriver();

        Status status = await driver.StatusOfAsync(request);

        Assert.Equal(value.Code, status.StatusCode);
        Assert.Contains(value.Remedy, status.Detail, StringComparison.Ordinal);
        Assert.Empty(driver.Storage.Changes);
    }

    [Fact]
    public void Every_field_of_every_request_has_a_kind()
    {
        string[] fields = [.. Requests().SelectMany(request => request.Fields.InDeclarationOrder())
            .Where(field => field.Name != "secrets")
            .Select(field => $"{field.ContainingType.Name}.{field.Name}")];
        Assert.Equal(fields.Order(StringComparer.Ordinal), FieldKinds.All.Keys.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Every_request_has_a_valid_example()
        => Assert.Equal(
            Requests().Select(request => request.Name).Order(StringComparer.Ordinal),
            ValidRequests.All.Select(request => request.Descriptor.Name).Order(StringComparer.Ordinal));

    public static TheoryData<string> ValidNames() => new(ValidRequests.All.Select(request => request.Descriptor.Name));

    /// <summary>Without this the tests above could pass on requests that are refused for another reason.</summary>
    [Theory]
    [MemberData(nameof(ValidNames))]
    public async Task The_examples_that_the_wrong_ones_are_made_of_are_accepted(string name)
        => Assert.Equal(Status.DefaultSuccess, await new InProcessDriver().StatusOfAsync(ValidRequests.Named(name)));

    [Theory]
    [InlineData("a; reboot")]
    [InlineData("$(reboot)")]
    [InlineData("`id`")]
    [InlineData("../../etc/passwd")]
    [InlineData("/absolute")]
    [InlineData("a|b&c>d<e*f?g'h\"i\\j")]
    [InlineData("two\nlines\tand a tab")]
    [InlineData("-rf")]
    [InlineData("名前")]
    public async Task Names_may_hold_anything_printable_and_reach_storage_as_they_are(string name)
    {
        var driver = new InProcessDriver();
        var request = ValidRequests.Of<CreateVolumeRequest>();
        request.Name = name;
        await driver.CallAsync(request);
        var spec = Assert.IsType<Storage.VolumeSpec>(Assert.Single(driver.Storage.Changes));
        Assert.Equal(name, spec.Name);
    }

    [Fact]
    public async Task A_name_of_128_bytes_is_accepted()
    {
        var driver = new InProcessDriver();
        var request = ValidRequests.Of<CreateVolumeRequest>();
        request.Name = new string('é', 64);
        await driver.CallAsync(request);
        Assert.Single(driver.Storage.Changes);
    }

    [Fact]
    public async Task A_page_token_that_is_refused_tells_the_caller_to_start_over()
    {
        Status status = await new InProcessDriver().StatusOfAsync(new ListVolumesRequest { StartingToken = "bogus" });
        Assert.Equal(StatusCode.Aborted, status.StatusCode);
    }

    [Theory]
    [InlineData("")]
    [InlineData("0")]
    [InlineData("-1")]
    [InlineData("1Zi")]
    [InlineData("9999999999Gi")]
    [InlineData("many")]
    public async Task The_size_of_an_inline_volume_must_be_a_quantity(string size)
    {
        var driver = new InProcessDriver();
        NodePublishVolumeRequest request = Inline();
        request.VolumeContext["size"] = size;
        Status status = await driver.StatusOfAsync(request);
        Assert.Equal(StatusCode.InvalidArgument, status.StatusCode);
        Assert.Contains("use a positive number of bytes", status.Detail, StringComparison.Ordinal);
        Assert.Empty(driver.Storage.Changes);
    }

    [Fact]
    public async Task An_inline_volume_cannot_be_a_block_device()
    {
        var driver = new InProcessDriver();
        NodePublishVolumeRequest request = Inline();
        request.VolumeCapability = new() { Block = new(), AccessMode = ValidRequests.Mount.AccessMode };
        Status status = await driver.StatusOfAsync(request);
        Assert.Equal(StatusCode.InvalidArgument, status.StatusCode);
        Assert.Contains("ask for mount", status.Detail, StringComparison.Ordinal);
        Assert.Empty(driver.Storage.Changes);
    }

    [Fact]
    public async Task An_inline_volume_refuses_what_only_a_class_may_say()
    {
        NodePublishVolumeRequest request = Inline();
        request.VolumeContext["reclaim"] = "x";
        Status status = await new InProcessDriver().StatusOfAsync(request);
        Assert.Equal(StatusCode.InvalidArgument, status.StatusCode);
        Assert.Contains("unknown key 'reclaim'", status.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_inline_volume_is_read_from_its_context()
    {
        var driver = new InProcessDriver();
        NodePublishVolumeRequest request = Inline();
        request.VolumeCapability.Mount.FsType = "";
        request.VolumeContext.Add(new Dictionary<string, string> { ["fsType"] = "xfs", ["pool"] = "fast", ["erase"] = "none" });
        await driver.CallAsync(request);
        var publish = Assert.IsType<Storage.PublishRequest>(Assert.Single(driver.Storage.Changes));
        Assert.Equal(
            new Storage.VolumeSpec
            {
                Name = FakeStorage.VolumeId,
                Pool = "fast",
                FileSystem = "xfs",
                Size = new(2 << 20, 0),
                Settings = new() { Erase = Storage.ErasePolicy.None },
            },
            publish.Ephemeral);
    }

    private static NodePublishVolumeRequest Inline()
    {
        var request = ValidRequests.Of<NodePublishVolumeRequest>();
        request.StagingTargetPath = "";
        request.VolumeContext.Clear();
        request.VolumeContext.Add(new Dictionary<string, string>
        {
            ["csi.storage.k8s.io/ephemeral"] = "true",
            ["csi.storage.k8s.io/pod.name"] = "web",
            ["size"] = "2Mi",
        });
        return request;
    }

    /// <summary>Attaching means nothing to memory of the node: those two RPCs are not offered.</summary>
    private static IEnumerable<MessageDescriptor> Requests() => CsiReflection.Descriptor.Services
        .SelectMany(service => service.Methods)
        .Select(method => method.InputType)
        .Where(request => !s_attaching.Contains(request.Name));
}
