using System.Globalization;
using Grpc.Core;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace Cscm.Grpc.Protocol;

/// <summary>Metadata to and from the headers and trailers of HTTP.</summary>
internal static class HttpMetadata
{
    private static readonly string[] s_statusCodes =
        [.. Enumerable.Range(0, 17).Select(code => code.ToString(CultureInfo.InvariantCulture))];

    public static Metadata FromRequest(IHeaderDictionary headers)
    {
        var metadata = new Metadata();
        foreach (var (name, values) in headers)
        {
            if (IsProtocolHeader(name))
                continue;
            var key = name.ToLowerInvariant();
            foreach (var value in values)
                AddReceived(metadata, key, value ?? "");
        }
        return metadata;
    }

    /// <summary>One header as entries. A "-bin" header may hold several values, with commas between them.</summary>
    public static void AddReceived(Metadata metadata, string key, string value)
    {
        if (!key.EndsWith(Metadata.BinaryHeaderSuffix, StringComparison.Ordinal))
        {
            metadata.Add(Metadata.Entry.Received(key, value));
            return;
        }
        foreach (var range in value.AsSpan().Split(','))
        {
            if (!BinaryHeader.TryDecode(value.AsSpan(range), out var bytes))
                throw ProtocolErrors.BadBinaryHeader(key);
            metadata.Add(Metadata.Entry.Received(key, bytes));
        }
    }

    public static void Append(Metadata metadata, IHeaderDictionary destination)
    {
        foreach (var entry in metadata)
        {
            var value = entry.IsBinary ? BinaryHeader.Encode(entry.BytesSpan) : entry.Value;
            destination[entry.Key] = StringValues.Concat(destination[entry.Key], value);
        }
    }

    public static void AppendStatus(Status status, IHeaderDictionary destination)
    {
        var code = (int)status.StatusCode;
        destination[GrpcHeaders.Status] =
            (uint)code < s_statusCodes.Length ? s_statusCodes[code] : code.ToString(CultureInfo.InvariantCulture);
        if (status.Detail.Length > 0)
            destination[GrpcHeaders.Message] = PercentEncoding.Encode(status.Detail);
    }

    private static bool IsProtocolHeader(string name) =>
        name.StartsWith(':')
        || name.StartsWith("grpc-", StringComparison.OrdinalIgnoreCase) && IsReserved(name)
        || name.Equals("content-type", StringComparison.OrdinalIgnoreCase)
        || name.Equals("te", StringComparison.OrdinalIgnoreCase)
        || name.Equals("host", StringComparison.OrdinalIgnoreCase)
        || name.Equals("accept-encoding", StringComparison.OrdinalIgnoreCase);

    private static bool IsReserved(string name) =>
        name.Equals(GrpcHeaders.Timeout, StringComparison.OrdinalIgnoreCase)
        || name.Equals(GrpcHeaders.Encoding, StringComparison.OrdinalIgnoreCase)
        || name.Equals(GrpcHeaders.AcceptEncoding, StringComparison.OrdinalIgnoreCase);
}
