using System.Buffers.Binary;
using System.Globalization;
using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using Google.Protobuf;

namespace Cscm.Grpc.Tests;

/// <summary>Calls made of bytes: what goes over the wire is the test's matter, not a gRPC client's.</summary>
internal sealed class RawCall(string socketPath) : IDisposable
{
    public const string GetPluginInfo = "/csi.v1.Identity/GetPluginInfo";
    public const string DeleteVolume = "/csi.v1.Controller/DeleteVolume";

    private readonly HttpMessageInvoker _http = new(HostFixture.UnixSocketHandler(socketPath));

    public static byte[] EmptyMessage => Frame([]);

    public static byte[] Frame(IMessage message) => Frame(message.ToByteArray());

    public static byte[] Frame(byte[] message, byte flag = 0)
    {
        var frame = new byte[5 + message.Length];
        frame[0] = flag;
        BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(1), (uint)message.Length);
        message.CopyTo(frame, 5);
        return frame;
    }

    public static byte[] Gzip(byte[] data)
    {
        using var output = new MemoryStream();
        using (var gzip = new GZipStream(output, CompressionLevel.Fastest))
            gzip.Write(data);
        return output.ToArray();
    }

    public async Task<RawReply> SendAsync(
        string path, byte[] body, IEnumerable<(string Name, string Value)>? headers = null, string? contentType = "application/grpc", HttpMethod? method = null)
    {
        using var request = new HttpRequestMessage(method ?? HttpMethod.Post, "http://localhost" + path)
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        if (request.Method != HttpMethod.Get)
            request.Content = new ByteArrayContent(body);
        if (contentType is not null && request.Content is not null)
            request.Content.Headers.ContentType = MediaTypeHeaderValue.Parse(contentType);
        request.Headers.TryAddWithoutValidation("te", "trailers");
        foreach (var (name, value) in headers ?? [])
            request.Headers.TryAddWithoutValidation(name, value);

        using var timeout = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        using var response = await _http.SendAsync(request, timeout.Token);
        var received = await response.Content.ReadAsByteArrayAsync(timeout.Token);
        return new RawReply(
            response.StatusCode,
            ToDictionary(response.Headers),
            response.Content.Headers.ContentType?.ToString(),
            received,
            ToDictionary(response.TrailingHeaders));
    }

    public void Dispose() => _http.Dispose();

    private static Dictionary<string, string> ToDictionary(HttpResponseHeaders headers) =>
        headers.NonValidated.ToDictionary(header => header.Key.ToLowerInvariant(), header => header.Value.ToString(), StringComparer.Ordinal);
}

internal sealed record RawReply(
    HttpStatusCode HttpStatus,
    IReadOnlyDictionary<string, string> Headers,
    string? ContentType,
    byte[] Body,
    IReadOnlyDictionary<string, string> Trailers)
{
    public bool IsTrailersOnly => Headers.ContainsKey("grpc-status");

    public global::Grpc.Core.StatusCode Code => (global::Grpc.Core.StatusCode)int.Parse(Ending["grpc-status"], CultureInfo.InvariantCulture);

    /// <summary>As it was on the wire, escapes and all.</summary>
    public string RawMessage => Ending.GetValueOrDefault("grpc-message", "");

    private IReadOnlyDictionary<string, string> Ending => IsTrailersOnly ? Headers : Trailers;
}
