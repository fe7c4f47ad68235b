using System.Buffers;
using System.Net;
using System.Net.Http.Headers;
using Cscm.Grpc.Protocol;
using Grpc.Core;

namespace Cscm.Grpc.Client;

/// <summary>A request of one message.</summary>
internal sealed class UnaryContent : HttpContent
{
    private readonly ReadOnlyMemory<byte> _frame;

    public UnaryContent(ReadOnlyMemory<byte> frame)
    {
        _frame = frame;
        Headers.ContentType = new MediaTypeHeaderValue(GrpcHeaders.ContentType);
    }

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
        SerializeToStreamAsync(stream, context, CancellationToken.None);

    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken) =>
        await stream.WriteAsync(_frame, cancellationToken);

    // gRPC requests carry no content-length.
    protected override bool TryComputeLength(out long length)
    {
        length = 0;
        return false;
    }
}

/// <summary>A request whose messages come one by one while the response may already be read.</summary>
internal sealed class StreamingContent<T> : HttpContent, IClientStreamWriter<T>
    where T : class
{
    private readonly Marshaller<T> _marshaller;
    private readonly int? _maxMessageSizeBytes;
    private readonly Func<RpcException?> _endedWith;
    private readonly TaskCompletionSource<Stream> _stream = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _complete = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _writing;

    public StreamingContent(Marshaller<T> marshaller, int? maxMessageSizeBytes, Func<RpcException?> endedWith)
    {
        _marshaller = marshaller;
        _maxMessageSizeBytes = maxMessageSizeBytes;
        _endedWith = endedWith;
        Headers.ContentType = new MediaTypeHeaderValue(GrpcHeaders.ContentType);
    }

    public WriteOptions? WriteOptions { get; set; }

    public static ReadOnlyMemory<byte> Frame(Marshaller<T> marshaller, T message, int? maxMessageSizeBytes)
    {
        var buffer = new ArrayBufferWriter<byte>();
        new MessageWriter(buffer, maxMessageSizeBytes).Write(marshaller, message);
        return buffer.WrittenMemory;
    }

    public Task WriteAsync(T message) => WriteAsync(message, CancellationToken.None);

    public async Task WriteAsync(T message, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(message);
        if (_endedWith() is { } ended)
            throw ended;
        if (_complete.Task.IsCompleted)
            throw new InvalidOperationException("Can't write the message because the request is complete.");
        if (Interlocked.Exchange(ref _writing, 1) == 1)
            throw new InvalidOperationException("Can't write the message because the previous write is in progress.");
        try
        {
            var frame = Frame(_marshaller, message, _maxMessageSizeBytes);
            var stream = await _stream.Task.WaitAsync(cancellationToken);
            await stream.WriteAsync(frame, cancellationToken);
            await stream.FlushAsync(cancellationToken);
        }
        catch (Exception exception) when (exception is not RpcException && !cancellationToken.IsCancellationRequested)
        {
            throw _endedWith() ?? new RpcException(new Status(StatusCode.Unavailable, "The request was cut off.", exception));
        }
        finally
        {
            Volatile.Write(ref _writing, 0);
        }
    }

    public Task CompleteAsync()
    {
        _complete.TrySetResult();
        return Task.CompletedTask;
    }

    /// <summary>The call is over: no writer may wait for it any more.</summary>
    public void End()
    {
        _complete.TrySetResult();
        _stream.TrySetException(new IOException("The call has ended."));
        _ = _stream.Task.Exception;
    }

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
        SerializeToStreamAsync(stream, context, CancellationToken.None);

    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
    {
        // Sends the headers, so that the server can answer before the first message.
        await stream.FlushAsync(cancellationToken);
        _stream.TrySetResult(stream);
        await _complete.Task.WaitAsync(cancellationToken);
    }

    protected override bool TryComputeLength(out long length)
    {
        length = 0;
        return false;
    }
}
