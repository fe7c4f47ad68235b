namespace Cscm.Grpc.Protocol;

/// <summary>Names and values of the gRPC-over-HTTP/2 protocol.</summary>
internal static class GrpcHeaders
{
    public const string ContentType = "application/grpc";
    public const string Status = "grpc-status";
    public const string Message = "grpc-message";
    public const string Timeout = "grpc-timeout";
    public const string Encoding = "grpc-encoding";
    public const string AcceptEncoding = "grpc-accept-encoding";

    /// <summary>What this side can read.</summary>
    public const string AcceptedEncodings = "identity,gzip";

    public const string Identity = "identity";
    public const string Gzip = "gzip";

    /// <summary>4 MiB, as in every gRPC implementation.</summary>
    public const int DefaultMaxReceiveMessageSizeBytes = 4 * 1024 * 1024;

    /// <summary>"application/grpc", alone or followed by a sub-format or parameters.</summary>
    public static bool IsGrpcContentType(string? contentType)
    {
        if (contentType is null || !contentType.StartsWith(ContentType, StringComparison.OrdinalIgnoreCase))
            return false;
        return contentType.Length == ContentType.Length || contentType[ContentType.Length] is '+' or ';' or ' ';
    }

    /// <summary>"application/grpc+json" and the like: the frames are gRPC, the messages not protobuf.</summary>
    public static bool IsProtobufContentType(string? contentType)
    {
        if (!IsGrpcContentType(contentType))
            return false;
        var rest = contentType.AsSpan(ContentType.Length);
        var parameters = rest.IndexOf(';');
        if (parameters >= 0)
            rest = rest[..parameters];
        rest = rest.Trim();
        return rest.IsEmpty || rest.Equals("+proto", StringComparison.OrdinalIgnoreCase);
    }
}
