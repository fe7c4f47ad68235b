using Grpc.Core;

namespace Cscm.Grpc.Server;

/// <summary>The caller's messages.</summary>
internal sealed class RequestStream<T>(HttpServerCallContext call, Marshaller<T> marshaller) : IAsyncStreamReader<T>
    where T : class
{
    private T? _current;

    public T Current => _current ?? throw new InvalidOperationException("There is no current message: MoveNext has not returned true.");

    public async Task<bool> MoveNext(CancellationToken cancellationToken)
    {
        if (call.Ended)
            throw new InvalidOperationException("The call has ended.");
        if (!cancellationToken.CanBeCanceled || cancellationToken == call.CancellationToken)
        {
            _current = await call.Reader.ReadAsync(marshaller, call.CancellationToken);
            return _current is not null;
        }
        using var linked = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, call.CancellationToken);
        _current = await call.Reader.ReadAsync(marshaller, linked.Token);
        return _current is not null;
    }
}

/// <summary>The handler's messages. Writing to a caller that has gone throws, so that no handler streams for ever.</summary>
internal sealed class ResponseStream<T>(HttpServerCallContext call, Marshaller<T> marshaller) : IServerStreamWriter<T>
    where T : class
{
    private int _writing;

    public WriteOptions? WriteOptions
    {
        get => call.WriteOptions;
        set => call.WriteOptions = value;
    }

    public Task WriteAsync(T message) => WriteAsync(message, CancellationToken.None);

    public async Task WriteAsync(T message, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(message);
        cancellationToken.ThrowIfCancellationRequested();
        call.CancellationToken.ThrowIfCancellationRequested();
        if (call.Ended)
            throw new InvalidOperationException("Can't write the message because the call has ended.");
        if (Interlocked.Exchange(ref _writing, 1) == 1)
            throw new InvalidOperationException("Can't write the message because the previous write is in progress.");
        try
        {
            call.Write(marshaller, message);
            if (!call.HasWriteFlag(WriteFlags.BufferHint))
                await FlushAsync(cancellationToken);
        }
        finally
        {
            Volatile.Write(ref _writing, 0);
        }
    }

    private async ValueTask FlushAsync(CancellationToken cancellationToken)
    {
        var flush = call.Http.Response.BodyWriter.FlushAsync(cancellationToken);
        if (flush.IsCompletedSuccessfully)
            return;
        // A caller that reads nothing holds the flush; the call's end must free it.
        using var registration = call.CancellationToken.UnsafeRegister(
            static body => ((System.IO.Pipelines.PipeWriter)body!).CancelPendingFlush(), call.Http.Response.BodyWriter);
        await flush;
        call.CancellationToken.ThrowIfCancellationRequested();
    }
}
