using System.IO.Pipelines;
using System.Net;
using Cscm.Grpc.Protocol;
using Grpc.Core;
using Grpc.Net.Client;

namespace Cscm.Grpc.Client;

/// <summary>One call on the client: its request, its response messages, and how it ended.</summary>
internal sealed class HttpCall<TRequest, TResponse> : IAsyncStreamReader<TResponse>, IDisposable
    where TRequest : class
    where TResponse : class
{
    private readonly GrpcChannel _channel;
    private readonly Method<TRequest, TResponse> _method;
    private readonly CallOptions _options;
    private readonly string? _host;
    private readonly CancellationTokenSource _cancellation;

    // Kept apart: a response of headers alone ends the call, and with it the source, before its empty body was read.
    private readonly CancellationToken _cancellationToken;
    private readonly TaskCompletionSource<Metadata> _headers = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _endLock = new();
    private Task<MessageReader> _started = null!;
    private HttpRequestMessage? _request;
    private HttpResponseMessage? _response;
    private PipeReader? _body;
    private StreamingContent<TRequest>? _requests;
    private TResponse? _current;
    private (Status Status, Metadata Trailers)? _end;
    private bool _deadlinePassed;
    private ITimer? _deadlineTimer;

    public HttpCall(GrpcChannel channel, Method<TRequest, TResponse> method, string? host, CallOptions options)
    {
        _channel = channel;
        _method = method;
        _host = host;
        _options = options;
        _cancellation = CancellationTokenSource.CreateLinkedTokenSource(options.CancellationToken, channel.Disposed);
        _cancellationToken = _cancellation.Token;
    }

    public Task<Metadata> Headers => _headers.Task;

    public TResponse Current => _current ?? throw new InvalidOperationException("There is no current message: MoveNext has not returned true.");

    public void Start(TRequest request) => _started = StartAsync(() =>
        new UnaryContent(StreamingContent<TRequest>.Frame(_method.RequestMarshaller, request, _channel.Options.MaxSendMessageSize)));

    public IClientStreamWriter<TRequest> StartStreaming()
    {
        _requests = new StreamingContent<TRequest>(_method.RequestMarshaller, _channel.Options.MaxSendMessageSize, EndedWith);
        _started = StartAsync(() => _requests);
        return _requests;
    }

    /// <summary>The only message of the response.</summary>
    public async Task<TResponse> ReadSingleAsync()
    {
        try
        {
            var reader = await _started;
            var message = await reader.ReadAsync(_method.ResponseMarshaller, _cancellationToken);
            if (message is not null)
                await reader.ExpectEndAsync(_cancellationToken);
            EndWithTrailers(_response!.TrailingHeaders);
            if (message is null)
                throw new RpcException(new Status(StatusCode.Internal, "The server answered OK without a message."));
            return message;
        }
        catch (Exception exception)
        {
            throw Fail(exception);
        }
        finally
        {
            if (_body is not null)
                await _body.CompleteAsync();
        }
    }

    public async Task<bool> MoveNext(CancellationToken cancellationToken)
    {
        if (_end is { } end)
            return end.Status.StatusCode == StatusCode.OK ? false : throw new RpcException(end.Status, end.Trailers);

        using var registration = cancellationToken.UnsafeRegister(static call => ((HttpCall<TRequest, TResponse>)call!).Cancel(), this);
        try
        {
            var reader = await _started;
            // A response of headers alone has ended already, and is disposed of.
            if (_end is { Status.StatusCode: StatusCode.OK })
                return false;
            _current = await reader.ReadAsync(_method.ResponseMarshaller, _cancellationToken);
            if (_current is not null)
                return true;
            EndWithTrailers(_response!.TrailingHeaders);
            await _body!.CompleteAsync();
            return false;
        }
        catch (Exception exception)
        {
            throw Fail(exception);
        }
    }

    public Status GetStatus() => (_end ?? throw NotEnded()).Status;

    public Metadata GetTrailers() => (_end ?? throw NotEnded()).Trailers;

    public void Dispose()
    {
        if (_end is null)
            _ = Fail(new OperationCanceledException());
    }

    private static InvalidOperationException NotEnded() => new("The call has not ended yet.");

    private async Task<MessageReader> StartAsync(Func<HttpContent> createContent)
    {
        try
        {
            // Disposed of at the end: a streaming request is still being sent when the response begins.
            var request = _request = new HttpRequestMessage(HttpMethod.Post, new Uri(_channel.Address, _method.FullName))
            {
                Version = HttpVersion.Version20,
                VersionPolicy = HttpVersionPolicy.RequestVersionExact,
                Content = createContent(),
            };
            AddHeaders(request);
            StartDeadline(request);

            _response = await _channel.Invoker.SendAsync(request, _cancellationToken);
            ResponseStatus.ThrowIfNotGrpc(_response);
            var isHeadersOnly = ResponseStatus.TryRead(_response.Headers, out _);
            _headers.TrySetResult(isHeadersOnly ? [] : ResponseStatus.ToMetadata(_response.Headers));
            if (isHeadersOnly)
                EndWithTrailers(_response.Headers);

            var body = isHeadersOnly ? Stream.Null : await _response.Content.ReadAsStreamAsync(_cancellationToken);
            _body = PipeReader.Create(body);
            return new MessageReader(_body, _method.FullName, _channel.Options.MaxReceiveMessageSize ?? int.MaxValue)
            {
                Encoding = ResponseStatus.Single(_response.Headers, GrpcHeaders.Encoding),
            };
        }
        catch (Exception exception)
        {
            var failure = Fail(exception);
            _headers.TrySetException(failure);
            // Often nobody looks at the headers of a call that failed.
            _ = _headers.Task.Exception;
            throw failure;
        }
    }

    private void AddHeaders(HttpRequestMessage request)
    {
        request.Headers.Host = _host;
        request.Headers.TryAddWithoutValidation("TE", "trailers");
        request.Headers.TryAddWithoutValidation("User-Agent", "cscm-grpc");
        request.Headers.TryAddWithoutValidation(GrpcHeaders.AcceptEncoding, GrpcHeaders.AcceptedEncodings);
        foreach (var entry in _options.Headers ?? Metadata.Empty)
            request.Headers.TryAddWithoutValidation(entry.Key, entry.IsBinary ? BinaryHeader.Encode(entry.BytesSpan) : entry.Value);
    }

    private void StartDeadline(HttpRequestMessage request)
    {
        if (_options.Deadline is not { } deadline || deadline == DateTime.MaxValue)
            return;
        var left = deadline.ToUniversalTime() - TimeProvider.System.GetUtcNow().UtcDateTime;
        request.Headers.TryAddWithoutValidation(GrpcHeaders.Timeout, GrpcTimeout.Format(left));
        if (left.TotalMilliseconds > int.MaxValue)
            return;
        if (left <= TimeSpan.Zero)
        {
            _deadlinePassed = true;
            throw new OperationCanceledException();
        }
        _deadlineTimer = TimeProvider.System.CreateTimer(
            static state =>
            {
                var call = (HttpCall<TRequest, TResponse>)state!;
                call._deadlinePassed = true;
                call.Cancel();
            },
            this, left, Timeout.InfiniteTimeSpan);
    }

    private void EndWithTrailers(System.Net.Http.Headers.HttpResponseHeaders trailers)
    {
        if (!ResponseStatus.TryRead(trailers, out var status))
            status = new Status(StatusCode.Internal, "The server ended the call without a status.");
        var metadata = ResponseStatus.ToMetadata(trailers);
        End(status, metadata);
        if (status.StatusCode != StatusCode.OK)
            throw new RpcException(status, metadata);
    }

    private RpcException? EndedWith() => _end is { } end ? new RpcException(end.Status, end.Trailers) : null;

    private void Cancel()
    {
        lock (_endLock)
        {
            if (_end is null)
                _cancellation.Cancel();
        }
    }

    /// <summary>Ends the call if nothing has before; the exception to throw is the one of its end.</summary>
    private RpcException Fail(Exception exception)
    {
        if (exception is not RpcException failure)
        {
            var wanted = _options.CancellationToken.IsCancellationRequested || _channel.Disposed.IsCancellationRequested;
            failure = new RpcException(ResponseStatus.FromException(exception, _deadlinePassed, wanted));
        }
        if (_end is { Status.StatusCode: StatusCode.OK })
            return failure;
        End(failure.Status, failure.Trailers);
        return _end!.Value.Status == failure.Status ? failure : new RpcException(_end.Value.Status, _end.Value.Trailers);
    }

    private void End(Status status, Metadata trailers)
    {
        lock (_endLock)
        {
            if (_end is not null)
                return;
            _end = (status, trailers);
        }
        // Whatever is still on its way is not wanted any more.
        if (status.StatusCode != StatusCode.OK)
            _cancellation.Cancel();
        _deadlineTimer?.Dispose();
        _requests?.End();
        _response?.Dispose();
        _request?.Dispose();
        _cancellation.Dispose();
    }
}
