using System.Globalization;
using System.IO.Compression;
using Cscm.Grpc.Protocol;
using Grpc.AspNetCore.Server;
using Grpc.Core;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Cscm.Grpc.Server;

/// <summary>One call on the server: its context for the handler, its messages, and its end.</summary>
internal sealed class HttpServerCallContext : ServerCallContext, IDisposable
{
    private static readonly AuthContext s_unauthenticated = new(null, []);

    private readonly GrpcServiceOptions _options;
    private Metadata? _requestHeaders;
    private Metadata? _responseTrailers;
    private CancellationTokenSource? _deadlineSource;
    private DateTime _deadline = DateTime.MaxValue;
    private CancellationToken _cancellationToken;
    private bool _hasBody;
    private bool _ended;

    public HttpServerCallContext(HttpContext http, IMethod method, GrpcServiceOptions options)
    {
        Http = http;
        RpcMethod = method;
        _options = options;
        _cancellationToken = http.RequestAborted;
        Reader = new MessageReader(http.Request.BodyReader, method.FullName, options.MaxReceiveMessageSize ?? int.MaxValue);
        Writer = new MessageWriter(http.Response.BodyWriter, options.MaxSendMessageSize);
    }

    public HttpContext Http { get; }

    public IMethod RpcMethod { get; }

    public MessageReader Reader { get; }

    public MessageWriter Writer { get; }

    public bool DeadlinePassed => _deadlineSource is { IsCancellationRequested: true } && !Http.RequestAborted.IsCancellationRequested;

    /// <summary>The handler has returned and the status is on its way: nothing may be written any more.</summary>
    public bool Ended => _ended;

    protected override string MethodCore => RpcMethod.FullName;

    protected override string HostCore => Http.Request.Host.Value ?? "";

    protected override string PeerCore => Http.Connection.RemoteIpAddress is { } address
        ? string.Create(CultureInfo.InvariantCulture,
            $"{(address.AddressFamily == System.Net.Sockets.AddressFamily.InterNetworkV6 ? "ipv6" : "ipv4")}:{new System.Net.IPEndPoint(address, Http.Connection.RemotePort)}")
        : "unix:";

    protected override DateTime DeadlineCore => _deadline;

    protected override Metadata RequestHeadersCore => _requestHeaders ??= HttpMetadata.FromRequest(Http.Request.Headers);

    protected override CancellationToken CancellationTokenCore => _cancellationToken;

    protected override Metadata ResponseTrailersCore => _responseTrailers ??= [];

    protected override Status StatusCore { get; set; }

    protected override WriteOptions? WriteOptionsCore { get; set; }

    protected override AuthContext AuthContextCore => s_unauthenticated;

    /// <summary>Applies the request's protocol headers. What they ask and cannot have becomes an RpcException.</summary>
    public void Start()
    {
        var headers = Http.Request.Headers;
        Http.Response.ContentType = GrpcHeaders.ContentType;
        Reader.Encoding = headers[GrpcHeaders.Encoding];
        // A caller that compresses in some other way learns what it may use.
        if (Reader.Encoding is not (null or GrpcHeaders.Identity or GrpcHeaders.Gzip))
            Http.Response.Headers[GrpcHeaders.AcceptEncoding] = GrpcHeaders.AcceptedEncodings;

        string? timeoutText = headers[GrpcHeaders.Timeout];
        if (timeoutText is not null)
        {
            if (!GrpcTimeout.TryParse(timeoutText, out var timeout))
                throw ProtocolErrors.BadTimeout();
            StartDeadline(timeout);
        }
        if (string.Equals(_options.ResponseCompressionAlgorithm, GrpcHeaders.Gzip, StringComparison.Ordinal) && CallerAcceptsGzip(headers))
        {
            Writer.Compression = _options.ResponseCompressionLevel ?? CompressionLevel.Fastest;
            Http.Response.Headers[GrpcHeaders.Encoding] = GrpcHeaders.Gzip;
        }
    }

    /// <summary>Puts a message into the response's buffer; flushing is the caller's. Unflushed, headers, message and trailers travel together.</summary>
    public void Write<T>(Marshaller<T> marshaller, T message)
    {
        _hasBody = true;
        Writer.Write(marshaller, message, !HasWriteFlag(WriteFlags.NoCompress));
    }

    public bool HasWriteFlag(WriteFlags flag) => WriteOptions is { } options && options.Flags.HasFlag(flag);

    /// <summary>Ends the call. Without a message before it, status and trailers travel in the headers ("trailers-only").</summary>
    public void End(Status status, Metadata? moreTrailers = null)
    {
        if (_ended)
            return;
        _ended = true;
        var started = _hasBody || Http.Response.HasStarted;
        var destination = started ? Http.Features.Get<IHttpResponseTrailersFeature>()?.Trailers : Http.Response.Headers;
        if (destination is null)
            return;
        if (!started)
            Http.Response.Headers.Remove(GrpcHeaders.Encoding);
        if (_responseTrailers is not null)
            HttpMetadata.Append(_responseTrailers, destination);
        if (moreTrailers is not null && !ReferenceEquals(moreTrailers, _responseTrailers))
            HttpMetadata.Append(moreTrailers, destination);
        HttpMetadata.AppendStatus(status, destination);
    }

    public void Dispose()
    {
        _ended = true;
        _deadlineSource?.Dispose();
    }

    protected override async Task WriteResponseHeadersAsyncCore(Metadata responseHeaders)
    {
        ArgumentNullException.ThrowIfNull(responseHeaders);
        if (Http.Response.HasStarted)
            throw new InvalidOperationException("Response headers can be written only once, and before the first message.");
        HttpMetadata.Append(responseHeaders, Http.Response.Headers);
        await Http.Response.StartAsync(CancellationToken.None);
        await Http.Response.BodyWriter.FlushAsync(CancellationToken.None);
    }

    protected override ContextPropagationToken CreatePropagationTokenCore(ContextPropagationOptions? options) =>
        throw new NotSupportedException("Pass Deadline and CancellationToken to the further call's options instead.");

    private static bool CallerAcceptsGzip(IHeaderDictionary headers)
    {
        foreach (var value in headers[GrpcHeaders.AcceptEncoding])
        {
            if (value is not null && value.Split(',', StringSplitOptions.TrimEntries).Contains(GrpcHeaders.Gzip, StringComparer.Ordinal))
                return true;
        }
        return false;
    }

    private void StartDeadline(TimeSpan timeout)
    {
        var now = TimeProvider.System.GetUtcNow().UtcDateTime;
        _deadline = timeout < DateTime.MaxValue - now ? now + timeout : DateTime.MaxValue;
        // Longer than a timer can run is as good as none.
        if (timeout.TotalMilliseconds > int.MaxValue)
            return;
        _deadlineSource = CancellationTokenSource.CreateLinkedTokenSource(Http.RequestAborted);
        _deadlineSource.CancelAfter(timeout);
        _cancellationToken = _deadlineSource.Token;
    }
}
