namespace Cscm.Memory.Medium;

/// <summary>
/// The recording domain: sees every event that reaches a heap's mapping, in program order per thread. Offsets are from the start of the heap.
/// The library performs the stores itself (so that it reads its own writes) and reports them; the recorder materialises what a
/// power failure could have left. Called on the thread that acts; calls of different threads are not serialised.
/// </summary>
internal interface IMediumRecorder
{
    /// <summary>Ordinary cached stores were made to this range; its new content is in the mapping.</summary>
    public void Stored(PersistSite site, long offsetBytes, ReadOnlySpan<byte> content);

    /// <summary>
    /// The caller may have stored to this range through a reference (a new block that nothing reaches yet), unreported until now.
    /// Compare <paramref name="content"/> with what was last seen, and treat differences as cached stores.
    /// </summary>
    public void StoredUnseen(PersistSite site, long offsetBytes, ReadOnlySpan<byte> content);

    /// <summary>Non-temporal stores were made to this range (on domains that use them).</summary>
    public void Streamed(PersistSite site, long offsetBytes, ReadOnlySpan<byte> content);

    /// <summary>The lines of this range are being written back. Durable at this thread's next fence.</summary>
    public void WroteBack(PersistSite site, long offsetBytes, long lengthBytes);

    /// <summary>A store fence, or on page-cache media an fsync of the range (0, 0: the whole file).</summary>
    public void Fenced(PersistSite site, long offsetBytes, long lengthBytes);

    /// <summary>The medium now has this size; the new part reads as zeros and is durable.</summary>
    public void Resized(long sizeBytes);

    /// <summary>Whether a call may throw. Where none does, commits take the way without handlers, as they do without a recorder.</summary>
    public bool MayThrow { get; }

    /// <summary>Whether the act at this site is kept. False: the library leaves the write-back, fence or check out.</summary>
    public bool Keeps(PersistSite site);
}
