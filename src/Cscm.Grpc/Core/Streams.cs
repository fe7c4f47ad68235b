namespace Grpc.Core;

/// <summary>Messages as they come in. One reader at a time.</summary>
public interface IAsyncStreamReader<out T>
{
    public T Current { get; }

    /// <summary>False at the end of the stream.</summary>
    public Task<bool> MoveNext(CancellationToken cancellationToken);
}

/// <summary>Messages going out. One write at a time.</summary>
public interface IAsyncStreamWriter<in T>
{
    public WriteOptions? WriteOptions { get; set; }

    public Task WriteAsync(T message);

    public Task WriteAsync(T message, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return WriteAsync(message);
    }
}

public interface IServerStreamWriter<in T> : IAsyncStreamWriter<T>;

public interface IClientStreamWriter<in T> : IAsyncStreamWriter<T>
{
    /// <summary>No more messages from this side.</summary>
    public Task CompleteAsync();
}

public static class AsyncStreamReaderExtensions
{
    public static Task<bool> MoveNext<T>(this IAsyncStreamReader<T> streamReader)
        where T : class
    {
        ArgumentNullException.ThrowIfNull(streamReader);
        return streamReader.MoveNext(CancellationToken.None);
    }

    public static async IAsyncEnumerable<T> ReadAllAsync<T>(
        this IAsyncStreamReader<T> streamReader,
        [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(streamReader);
        while (await streamReader.MoveNext(cancellationToken))
            yield return streamReader.Current;
    }
}

[Flags]
public enum WriteFlags
{
    None = 0,

    /// <summary>More follows soon: do not flush yet.</summary>
    BufferHint = 0x1,

    /// <summary>Do not compress this message.</summary>
    NoCompress = 0x2,
}

public class WriteOptions(WriteFlags flags = WriteFlags.None)
{
    public static readonly WriteOptions Default = new();

    public WriteFlags Flags { get; } = flags;
}
