using System.Globalization;
using System.Text;
using Cscm.Storage.Linux;

namespace Cscm.Storage.Pools.Xfs;

/// <summary>
/// Which volumes the medium holds durably. They are numbered as they are made; a moment later the medium is synced, and a mark
/// tells up to which number. What a volume above the mark lost with the power, its record lets a start make again: it was empty, or the
/// journal, which keeps its order, would have it (docs/decisions/0038). All members may be called from any thread.
/// </summary>
internal sealed class Makings
{
    /// <summary>One sync for all volumes of a burst, and not while their callers wait.</summary>
    private static readonly TimeSpan s_delay = TimeSpan.FromSeconds(1);

    private readonly string _markPath;
    private readonly Action _sync;
    private readonly TimeSpan _delay;
    private readonly Lock _marking = new();
    private long _last;
    private long _durable;
    private int _isDue;
    private volatile bool _isMarkDamaged;

    /// <param name="markPath">Where the mark is kept; with one that holds no number nothing is made again.</param>
    /// <param name="sync">Makes durable what was made before.</param>
    /// <param name="delay">How long a burst may last; null for a second.</param>
    public Makings(string markPath, Action sync, TimeSpan? delay = null)
    {
        (_markPath, _sync, _delay) = (markPath, sync, delay ?? s_delay);
        if (File.Exists(markPath))
            _isMarkDamaged = !long.TryParse(File.ReadAllText(markPath), NumberStyles.None, CultureInfo.InvariantCulture, out _durable);
        _last = _durable;
    }

    /// <summary>The number of what was made last.</summary>
    public long Last => Volatile.Read(ref _last);

    /// <summary>Whether the power may have taken what has this number.</summary>
    public bool MayBeLost(long number) => number > Volatile.Read(ref _durable) && !_isMarkDamaged;

    /// <summary>Something has been made.</summary>
    public void Add()
    {
        Interlocked.Increment(ref _last);
        MarkLater();
    }

    /// <summary>Something has this number since an earlier process.</summary>
    public void Adopt(long number)
    {
        for (long last = Last; last < number; last = Last)
            Interlocked.CompareExchange(ref _last, number, last);
    }

    /// <summary>What was lost has been made again: all that has a number is there.</summary>
    public void MarkLater()
    {
        if ((_isMarkDamaged || MayBeLost(Last)) && Interlocked.Exchange(ref _isDue, 1) == 0)
            _ = MarkAfterDelayAsync();
    }

    private async Task MarkAfterDelayAsync()
    {
        await Task.Delay(_delay);
        Volatile.Write(ref _isDue, 0);
        try
        {
            lock (_marking)
            {
                long made = Last;
                _sync();
                Files.ReplaceDurably(_markPath, Encoding.ASCII.GetBytes(made.ToString(CultureInfo.InvariantCulture)));
                Volatile.Write(ref _durable, made);
                _isMarkDamaged = false;
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or StorageException)
        {
            // A medium that cannot be synced is its health's to tell; what is not marked is made again at worst, and only where it is missing.
        }
    }
}
