using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using Cscm.Grpc.Protocol;
using Grpc.Core;

namespace Cscm.Grpc.Client;

/// <summary>
/// A call's status from what came back: trailers, an HTTP answer that is no gRPC, or no answer at all
/// (gRPC's "HTTP to gRPC Status Code Mapping" and "PROTOCOL-HTTP2", errors).
/// </summary>
internal static class ResponseStatus
{
    public static string? Single(HttpResponseHeaders headers, string name) =>
        headers.NonValidated.TryGetValues(name, out var values) ? values.ToString() : null;

    public static bool TryRead(HttpResponseHeaders trailers, out Status status)
    {
        status = default;
        if (Single(trailers, GrpcHeaders.Status) is not { } text)
            return false;
        var code = int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            && Enum.IsDefined((StatusCode)number) ? (StatusCode)number : StatusCode.Unknown;
        status = new Status(code, PercentEncoding.Decode(Single(trailers, GrpcHeaders.Message) ?? ""));
        return true;
    }

    public static Metadata ToMetadata(HttpResponseHeaders headers)
    {
        var metadata = new Metadata();
        foreach (var (name, values) in headers.NonValidated)
        {
            if (name.Equals(GrpcHeaders.Status, StringComparison.OrdinalIgnoreCase)
                || name.Equals(GrpcHeaders.Message, StringComparison.OrdinalIgnoreCase)
                || name.Equals(GrpcHeaders.Encoding, StringComparison.OrdinalIgnoreCase)
                || name.Equals(GrpcHeaders.AcceptEncoding, StringComparison.OrdinalIgnoreCase))
                continue;
            foreach (var value in values)
                HttpMetadata.AddReceived(metadata, name.ToLowerInvariant(), value);
        }
        return metadata;
    }

    public static void ThrowIfNotGrpc(HttpResponseMessage response)
    {
        if (TryRead(response.Headers, out _))
            return;
        if (response.StatusCode != HttpStatusCode.OK)
        {
            throw new RpcException(new Status(
                FromHttp(response.StatusCode), $"Bad gRPC response. HTTP status code: {(int)response.StatusCode}"));
        }
        var contentType = response.Content.Headers.NonValidated.TryGetValues("Content-Type", out var values) ? values.ToString() : null;
        if (!GrpcHeaders.IsGrpcContentType(contentType))
            throw new RpcException(new Status(StatusCode.Unknown, $"Bad gRPC response. Content type: {contentType ?? "none"}"));
    }

    public static Status FromException(Exception exception, bool deadlinePassed, bool cancelled)
    {
        if (deadlinePassed)
            return new Status(StatusCode.DeadlineExceeded, "Deadline exceeded.");
        if (cancelled || exception is OperationCanceledException)
            return new Status(StatusCode.Cancelled, "Call canceled by the client.");
        for (var cause = exception; cause is not null; cause = cause.InnerException)
        {
            if (cause is HttpProtocolException protocol)
                return new Status(FromHttp2(protocol.ErrorCode), $"The server reset the call: HTTP/2 error {protocol.ErrorCode}.", exception);
        }
        if (exception is HttpRequestException or IOException or SocketException)
            return new Status(StatusCode.Unavailable, $"No answer from the server: {Innermost(exception).Message}", exception);
        return new Status(StatusCode.Internal, $"The call failed: {exception.Message}", exception);
    }

    private static Exception Innermost(Exception exception)
    {
        while (exception.InnerException is not null)
            exception = exception.InnerException;
        return exception;
    }

    private static StatusCode FromHttp(HttpStatusCode code) => code switch
    {
        HttpStatusCode.BadRequest => StatusCode.Internal,
        HttpStatusCode.Unauthorized => StatusCode.Unauthenticated,
        HttpStatusCode.Forbidden => StatusCode.PermissionDenied,
        HttpStatusCode.NotFound => StatusCode.Unimplemented,
        HttpStatusCode.TooManyRequests or HttpStatusCode.BadGateway
            or HttpStatusCode.ServiceUnavailable or HttpStatusCode.GatewayTimeout => StatusCode.Unavailable,
        _ => StatusCode.Unknown,
    };

    private static StatusCode FromHttp2(long errorCode) => errorCode switch
    {
        0x7 => StatusCode.Unavailable, // REFUSED_STREAM
        0x8 => StatusCode.Cancelled, // CANCEL
        0xb => StatusCode.ResourceExhausted, // ENHANCE_YOUR_CALM
        0xc => StatusCode.PermissionDenied, // INADEQUATE_SECURITY
        _ => StatusCode.Internal,
    };
}
