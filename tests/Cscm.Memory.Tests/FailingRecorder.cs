using Cscm.Memory.Medium;

namespace Cscm.Memory.Tests;

/// <summary>A medium whose fences fail on demand.</summary>
internal sealed class FailingRecorder : IMediumRecorder
{
    public bool IsFailing { get; set; }

    public void Stored(PersistSite site, long offsetBytes, ReadOnlySpan<byte> content)
    {
    }

    public void StoredUnseen(PersistSite site, long offsetBytes, ReadOnlySpan<byte> content)
    {
    }

    public void Streamed(PersistSite site, long offsetBytes, ReadOnlySpan<byte> content)
    {
    }

    public void WroteBack(PersistSite site, long offsetBytes, long lengthBytes)
    {
    }

    public void Fenced(PersistSite site, long offsetBytes, long lengthBytes)
    {
        if (IsFailing)
        {
            throw new IOException("The medium failed.");
        }
    }

    public void Resized(long sizeBytes)
    {
    }

    public bool MayThrow => true;

    public bool Keeps(PersistSite site) => true;
}
