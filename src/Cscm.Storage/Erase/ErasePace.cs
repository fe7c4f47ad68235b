using Cscm.Storage.Pools;

namespace Cscm.Storage.Erase;

/// <summary>How fast one region may be zeroed: as fast as it can be, or the operator's limit. For one thread.</summary>
internal sealed class ErasePace(long? bytesPerSecond, TimeProvider time, CancellationToken stop)
{
    /// <summary>Between two chunks the eraser can be stopped; a chunk takes some hundredths of a second.</summary>
    public const long ChunkBytes = 32L << 20;

    private readonly long _start = time.GetTimestamp();
    private double _dueSeconds;

    /// <summary>Waits until a chunk may be zeroed.</summary>
    /// <returns>How much of what is left the chunk is.</returns>
    /// <exception cref="OperationCanceledException">The driver stops.</exception>
    public long NextChunk(long leftBytes)
    {
        stop.ThrowIfCancellationRequested();
        long chunkBytes = Math.Min(leftBytes, ChunkBytes);
        if (bytesPerSecond is not { } rate)
            return chunkBytes;
        // A tenth of a second's worth at most, so that a low limit makes small chunks instead of long waits.
        chunkBytes = Math.Min(chunkBytes, Math.Max(Sizes.StepBytes, rate / 10 / Sizes.StepBytes * Sizes.StepBytes));
        double nowSeconds = time.GetElapsedTime(_start).TotalSeconds;
        if (_dueSeconds > nowSeconds && stop.WaitHandle.WaitOne(TimeSpan.FromSeconds(_dueSeconds - nowSeconds)))
            stop.ThrowIfCancellationRequested();
        // Time in which nothing was to be erased is not saved up.
        _dueSeconds = Math.Max(_dueSeconds, nowSeconds) + ((double)chunkBytes / rate);
        return chunkBytes;
    }
}
