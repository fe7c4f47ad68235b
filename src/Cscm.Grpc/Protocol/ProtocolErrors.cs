using Grpc.Core;

namespace Cscm.Grpc.Protocol;

/// <summary>What goes wrong below the handler, with the codes that gRPC implementations agree on.</summary>
internal static class ProtocolErrors
{
    public static RpcException Incomplete() => Internal("Incomplete message.");

    public static RpcException Additional() => Internal("Additional data after the message received.");

    public static RpcException BadCompressedFlag(byte flag) =>
        Internal($"The message's compressed flag is {flag}: it must be 0 or 1.");

    public static RpcException CompressedWithoutEncoding() =>
        Internal($"The message is marked as compressed but the call has no {GrpcHeaders.Encoding}.");

    public static RpcException UnsupportedEncoding(string encoding) => new(new Status(
        StatusCode.Unimplemented,
        $"Message encoding '{Printable(encoding)}' is not supported: use one of {GrpcHeaders.AcceptedEncodings}."));

    public static RpcException ReceivedTooLarge(long sizeBytes, int limitBytes) => new(new Status(
        StatusCode.ResourceExhausted,
        $"Received message of {sizeBytes} bytes exceeds the maximum of {limitBytes} bytes."));

    public static RpcException DecompressedTooLarge(int limitBytes) => new(new Status(
        StatusCode.ResourceExhausted, $"Received message exceeds the maximum of {limitBytes} bytes when decompressed."));

    public static RpcException SentTooLarge(long sizeBytes, int limitBytes) => new(new Status(
        StatusCode.ResourceExhausted, $"Message to send of {sizeBytes} bytes exceeds the maximum of {limitBytes} bytes."));

    public static RpcException BadGzip() => Internal("The message is marked as gzip but is not.");

    public static RpcException BadMessage(string path) => Internal($"The message of {path} is not valid protobuf.");

    public static RpcException BadTimeout() => Internal($"The {GrpcHeaders.Timeout} header is malformed.");

    public static RpcException BadBinaryHeader(string key) => Internal($"The header '{key}' is not valid base64.");

    private static RpcException Internal(string detail) => new(new Status(StatusCode.Internal, detail));

    private static string Printable(string text) => text.Length > 64 ? text[..64] : text;
}
