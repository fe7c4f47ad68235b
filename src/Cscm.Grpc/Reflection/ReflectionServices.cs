using Grpc.Core;
using V1 = Grpc.Reflection.V1;
using V1Alpha = Grpc.Reflection.V1Alpha;

namespace Cscm.Grpc.Reflection;

/// <summary>grpc.reflection.v1.</summary>
internal sealed class ReflectionServiceV1(SymbolRegistry symbols) : V1.ServerReflection.ServerReflectionBase
{
    public override async Task ServerReflectionInfo(
        IAsyncStreamReader<V1.ServerReflectionRequest> requestStream,
        IServerStreamWriter<V1.ServerReflectionResponse> responseStream,
        ServerCallContext context)
    {
        while (await requestStream.MoveNext(context.CancellationToken))
            await responseStream.WriteAsync(Answer(requestStream.Current));
    }

    internal V1.ServerReflectionResponse Answer(V1.ServerReflectionRequest request)
    {
        var response = new V1.ServerReflectionResponse { ValidHost = request.Host, OriginalRequest = request };
        switch (request.MessageRequestCase)
        {
            case V1.ServerReflectionRequest.MessageRequestOneofCase.ListServices:
                response.ListServicesResponse = new V1.ListServiceResponse();
                response.ListServicesResponse.Service.AddRange(symbols.ServiceNames.Select(name => new V1.ServiceResponse { Name = name }));
                break;
            case V1.ServerReflectionRequest.MessageRequestOneofCase.FileByFilename:
                AnswerFile(response, symbols.FileByName(request.FileByFilename), $"file '{request.FileByFilename}'");
                break;
            case V1.ServerReflectionRequest.MessageRequestOneofCase.FileContainingSymbol:
                AnswerFile(response, symbols.FileBySymbol(request.FileContainingSymbol), $"symbol '{request.FileContainingSymbol}'");
                break;
            case V1.ServerReflectionRequest.MessageRequestOneofCase.FileContainingExtension:
                var extension = request.FileContainingExtension;
                AnswerFile(
                    response,
                    symbols.FileByExtension(extension.ContainingType, extension.ExtensionNumber),
                    $"extension {extension.ExtensionNumber} of '{extension.ContainingType}'");
                break;
            case V1.ServerReflectionRequest.MessageRequestOneofCase.AllExtensionNumbersOfType:
                AnswerExtensionNumbers(response, request.AllExtensionNumbersOfType);
                break;
            default:
                response.ErrorResponse = Error(StatusCode.InvalidArgument, "The request asks nothing.");
                break;
        }
        return response;
    }

    private static void AnswerFile(
        V1.ServerReflectionResponse response, Google.Protobuf.Reflection.FileDescriptor? file, string what)
    {
        if (file is null)
        {
            response.ErrorResponse = Error(StatusCode.NotFound, $"There is no {what} here.");
            return;
        }
        response.FileDescriptorResponse = new V1.FileDescriptorResponse();
        response.FileDescriptorResponse.FileDescriptorProto.AddRange(SymbolRegistry.WithImports(file));
    }

    private static V1.ErrorResponse Error(StatusCode code, string message) => new() { ErrorCode = (int)code, ErrorMessage = message };

    private void AnswerExtensionNumbers(V1.ServerReflectionResponse response, string typeName)
    {
        if (symbols.ExtensionNumbers(typeName) is not { } numbers)
        {
            response.ErrorResponse = Error(StatusCode.NotFound, $"There is no type '{typeName}' here.");
            return;
        }
        response.AllExtensionNumbersResponse = new V1.ExtensionNumberResponse { BaseTypeName = typeName };
        response.AllExtensionNumbersResponse.ExtensionNumber.AddRange(numbers);
    }
}

/// <summary>grpc.reflection.v1alpha, for older tools: v1 under another name, the same on the wire.</summary>
internal sealed class ReflectionServiceV1Alpha(ReflectionServiceV1 v1) : V1Alpha.ServerReflection.ServerReflectionBase
{
    public override async Task ServerReflectionInfo(
        IAsyncStreamReader<V1Alpha.ServerReflectionRequest> requestStream,
        IServerStreamWriter<V1Alpha.ServerReflectionResponse> responseStream,
        ServerCallContext context)
    {
        while (await requestStream.MoveNext(context.CancellationToken))
        {
            var request = V1.ServerReflectionRequest.Parser.ParseFrom(Google.Protobuf.MessageExtensions.ToByteString(requestStream.Current));
            var answer = Google.Protobuf.MessageExtensions.ToByteString(v1.Answer(request));
            await responseStream.WriteAsync(V1Alpha.ServerReflectionResponse.Parser.ParseFrom(answer));
        }
    }
}
