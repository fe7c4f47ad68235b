namespace Cscm.Kubernetes;

/// <summary>
/// Runs work by key: several keys in parallel, one key serially. A key that is added while it runs runs once more; one whose work asks
/// for another try gets it after a back-off. Thread-safe.
/// </summary>
/// <param name="work">Returns whether the key is settled; must not throw but for cancellation.</param>
/// <param name="parallel">Keys at once.</param>
/// <param name="firstPause">Before the first try anew.</param>
/// <param name="longestPause">Between later ones.</param>
public sealed class WorkQueue(Func<string, CancellationToken, Task<bool>> work, int parallel, TimeSpan firstPause, TimeSpan longestPause) : IDisposable
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, Entry> _entries = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim _slots = new(parallel);
    private readonly CancellationTokenSource _stop = new();

    /// <summary>Says that the key's work may have to be done.</summary>
    public void Add(string key)
    {
        lock (_lock)
        {
            if (_stop.IsCancellationRequested)
                return;
            if (_entries.TryGetValue(key, out Entry? entry))
            {
                entry.IsDirty = true;
                entry.Hurry?.Cancel();
                return;
            }
            entry = new Entry(new Backoff(firstPause, longestPause));
            _entries.Add(key, entry);
            _ = Task.Run(() => RunAsync(key, entry));
        }
    }

    /// <summary>Keys that run, wait for a slot, or for another try.</summary>
    public int Count
    {
        get
        {
            lock (_lock)
                return _entries.Count;
        }
    }

    /// <summary>Takes no more work and waits for what runs.</summary>
    public async Task StopAsync(TimeSpan patience)
    {
        await _stop.CancelAsync();
        for (int i = 0; i < parallel; i++)
        {
            if (!await _slots.WaitAsync(patience))
                return;
        }
    }

    public void Dispose()
    {
        _stop.Cancel();
        _stop.Dispose();
        _slots.Dispose();
    }

    private async Task RunAsync(string key, Entry entry)
    {
        try
        {
            while (true)
            {
                await _slots.WaitAsync(_stop.Token);
                bool isSettled;
                try
                {
                    lock (_lock)
                        entry.IsDirty = false;
                    isSettled = await work(key, _stop.Token);
                }
                finally
                {
                    _slots.Release();
                }
                CancellationTokenSource hurry;
                lock (_lock)
                {
                    if (isSettled && !entry.IsDirty)
                    {
                        _entries.Remove(key);
                        return;
                    }
                    if (isSettled)
                        entry.Pauses.Reset();
                    if (entry.IsDirty)
                        continue;
                    hurry = entry.Hurry = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
                }
                await Task.Delay(entry.Pauses.Next(), hurry.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                lock (_lock)
                    entry.Hurry = null;
                hurry.Dispose();
            }
        }
        catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException)
        {
            // Stopping: the next start finds the work again.
        }
    }

    private sealed class Entry(Backoff pauses)
    {
        public Backoff Pauses { get; } = pauses;
        public bool IsDirty { get; set; }
        public CancellationTokenSource? Hurry { get; set; }
    }
}
