using Cscm.Memory.Medium;

namespace Cscm.Memory.Tests;

/// <summary>Stops one thread before or after an event at one site, so that a test can look at the moment.</summary>
internal sealed class BlockingRecorder : IMediumRecorder, IDisposable
{
    private readonly ManualResetEventSlim _blocked = new();
    private readonly ManualResetEventSlim _released = new();
    private volatile Thread? _thread;

    public PersistSite Site { get; init; }

    public bool AfterEvent { get; init; }

    public long LastRecordOffset { get; private set; }

    public Exception? Failure { get; private set; }

    public Thread RunUntilBlocked(Action act)
    {
        var thread = new Thread(() => Failure = Record.Exception(act));
        _thread = thread;
        thread.Start();
        Assert.True(_blocked.Wait(TimeSpan.FromMinutes(2)), "the thread never came to the site");
        return thread;
    }

    public void Dispose()
    {
        _blocked.Dispose();
        _released.Dispose();
    }

    public void Release() => _released.Set();

    public void Stored(PersistSite site, long offsetBytes, ReadOnlySpan<byte> content)
    {
    }

    public void StoredUnseen(PersistSite site, long offsetBytes, ReadOnlySpan<byte> content)
    {
    }

    public void Streamed(PersistSite site, long offsetBytes, ReadOnlySpan<byte> content)
    {
        if (Thread.CurrentThread == _thread && site == PersistSite.StoreRecord)
        {
            LastRecordOffset = offsetBytes;
        }
    }

    public void WroteBack(PersistSite site, long offsetBytes, long lengthBytes)
    {
    }

    public void Fenced(PersistSite site, long offsetBytes, long lengthBytes)
    {
        if (AfterEvent)
        {
            Block(site);
        }
    }

    public void Resized(long sizeBytes)
    {
    }

    public bool MayThrow => false;

    public bool Keeps(PersistSite site)
    {
        if (!AfterEvent)
        {
            Block(site);
        }

        return true;
    }

    private void Block(PersistSite site)
    {
        if (site == Site && Thread.CurrentThread == _thread && !_released.IsSet)
        {
            _blocked.Set();
            _released.Wait(TimeSpan.FromMinutes(10));
        }
    }
}
