using Cscm.Memory.Native;

namespace Cscm.Memory.Medium;

/// <summary>
/// msync shared between threads: whoever finds no sync running runs one for everybody who has asked until then; the others wait for
/// a sync that began after they asked. Thread-safe.
/// </summary>
internal sealed unsafe class GroupSync(string name, byte* start, int fd)
{
    private const int PageSize = 4096;
    private readonly object _gate = new();
    private long _asked;
    private long _done;
    private bool _running;
    private long _from = long.MaxValue;
    private long _to;
    private bool _whole;
    private ScmFailedException? _failure;

    public long Count { get; private set; }

    public void Sync(long offsetBytes, long lengthBytes)
    {
        lock (_gate)
        {
            long mine = ++_asked;
            _whole |= lengthBytes == 0;
            _from = Math.Min(_from, offsetBytes);
            _to = Math.Max(_to, offsetBytes + lengthBytes);
            while (_done < mine)
            {
                if (_failure is not null)
                {
                    throw _failure;
                }

                if (_running)
                {
                    Monitor.Wait(_gate);
                    continue;
                }

                RunForAll();
            }
        }
    }

    private void RunForAll()
    {
        long upTo = _asked;
        (long from, long to, bool whole) = (_from, _to, _whole);
        (_from, _to, _whole, _running) = (long.MaxValue, 0, false, true);
        Monitor.Exit(_gate);
        int result;
        string error = "";
        try
        {
            from &= ~(PageSize - 1L);
            result = whole ? LibC.SyncData(fd) : LibC.SyncMapping(start + from, (nuint)(to - from), LibC.MsSync);
            if (result != 0)
            {
                error = LibC.LastError();
            }
        }
        finally
        {
            Monitor.Enter(_gate);
        }

        _running = false;
        Count++;
        if (result == 0)
        {
            _done = upTo;
        }
        else
        {
            // After a failed sync the kernel may have dropped the dirty pages: trying again would report a false success.
            _failure = new ScmFailedException(name, $"making stores durable failed: {error}", null);
        }

        Monitor.PulseAll(_gate);
    }
}
