using Csi.V1;
using Google.Protobuf.Reflection;
using Grpc.Core;
using Grpc.Reflection.V1Alpha;

namespace Cscm.Grpc.Tests;

/// <summary>Server reflection; that both versions answer is checked by the interop clients.</summary>
public sealed class ReflectionTests(HostFixture host) : IClassFixture<HostFixture>
{
    [Fact]
    public async Task The_services_are_listed()
    {
        var answer = await AskAsync(new ServerReflectionRequest { ListServices = "" });
        var names = answer.ListServicesResponse.Service.Select(service => service.Name).ToList();
        Assert.Subset(
            names.ToHashSet(StringComparer.Ordinal),
            new HashSet<string>(StringComparer.Ordinal)
            {
                "csi.v1.Controller", "csi.v1.GroupController", "csi.v1.Identity", "csi.v1.Node", "csi.v1.SnapshotMetadata",
                "grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection",
            });
    }

    [Theory]
    [InlineData("csi.v1.Node")]
    [InlineData("csi.v1.Node.NodePublishVolume")]
    [InlineData("csi.v1.VolumeCapability")]
    [InlineData("csi.v1.VolumeCapability.AccessMode")]
    [InlineData("csi.v1.VolumeCapability.AccessMode.Mode")]
    public async Task A_symbol_leads_to_its_file_with_all_imports(string symbol)
    {
        var answer = await AskAsync(new ServerReflectionRequest { FileContainingSymbol = symbol });
        var files = answer.FileDescriptorResponse.FileDescriptorProto.ToList();
        Assert.Contains(CsiReflection.Descriptor.SerializedData, files);
        Assert.Equal(
            ["csi/csi.proto", "google/protobuf/descriptor.proto", "google/protobuf/timestamp.proto", "google/protobuf/wrappers.proto"],
            files.Select(file => FileDescriptorProto.Parser.ParseFrom(file).Name).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_file_is_found_by_its_name()
    {
        var answer = await AskAsync(new ServerReflectionRequest { FileByFilename = "csi/csi.proto" });
        Assert.Contains(CsiReflection.Descriptor.SerializedData, answer.FileDescriptorResponse.FileDescriptorProto);
    }

    [Fact]
    public async Task Extensions_are_found_by_their_number()
    {
        var numbers = await AskAsync(new ServerReflectionRequest { AllExtensionNumbersOfType = "google.protobuf.FieldOptions" });
        if (Flavour.IsUpstream)
        {
            // It has no answer to questions about extensions.
            Assert.Equal((int)StatusCode.Unimplemented, numbers.ErrorResponse.ErrorCode);
            return;
        }
        Assert.Equal([1059, 1060], numbers.AllExtensionNumbersResponse.ExtensionNumber.Order());

        var file = await AskAsync(new ServerReflectionRequest
        {
            FileContainingExtension = new ExtensionRequest { ContainingType = "google.protobuf.FieldOptions", ExtensionNumber = 1059 },
        });
        Assert.Contains(CsiReflection.Descriptor.SerializedData, file.FileDescriptorResponse.FileDescriptorProto);
    }

    [Fact]
    public async Task What_is_not_there_is_an_error_in_the_stream_and_not_of_it()
    {
        ServerReflectionRequest[] requests =
        [
            new() { FileContainingSymbol = "no.such.Symbol" },
            new() { FileByFilename = "no/such.proto" },
        ];
        ServerReflectionRequest[] aboutExtensions =
        [
            new() { AllExtensionNumbersOfType = "no.such.Type" },
            new() { FileContainingExtension = new ExtensionRequest { ContainingType = "google.protobuf.FieldOptions", ExtensionNumber = 1 } },
        ];
        foreach (var request in requests.Concat(Flavour.IsUpstream ? [] : aboutExtensions))
        {
            var answer = await AskAsync(request);
            Assert.Equal((int)StatusCode.NotFound, answer.ErrorResponse.ErrorCode);
            if (!Flavour.IsUpstream)
                Assert.Equal(request, answer.OriginalRequest);
        }
    }

    [Fact]
    public async Task Questions_on_one_stream_are_answered_in_their_order()
    {
        using var channel = host.Connect();
        using var call = new ServerReflection.ServerReflectionClient(channel).ServerReflectionInfo();
        for (var i = 0; i < 20; i++)
        {
            await call.RequestStream.WriteAsync(
                i % 3 == 0 ? new ServerReflectionRequest { ListServices = "" } : new ServerReflectionRequest { FileByFilename = "csi/csi.proto" });
            Assert.True(await call.ResponseStream.MoveNext(CancellationToken.None));
            Assert.Equal(
                i % 3 == 0
                    ? ServerReflectionResponse.MessageResponseOneofCase.ListServicesResponse
                    : ServerReflectionResponse.MessageResponseOneofCase.FileDescriptorResponse,
                call.ResponseStream.Current.MessageResponseCase);
        }
        await call.RequestStream.CompleteAsync();
        Assert.False(await call.ResponseStream.MoveNext(CancellationToken.None));
        Assert.Equal(StatusCode.OK, call.GetStatus().StatusCode);
    }

    private async Task<ServerReflectionResponse> AskAsync(ServerReflectionRequest request)
    {
        using var channel = host.Connect();
        using var call = new ServerReflection.ServerReflectionClient(channel).ServerReflectionInfo();
        await call.RequestStream.WriteAsync(request);
        await call.RequestStream.CompleteAsync();
        Assert.True(await call.ResponseStream.MoveNext(CancellationToken.None));
        return call.ResponseStream.Current.Clone();
    }
}
