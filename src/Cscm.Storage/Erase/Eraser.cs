using Cscm.Storage.Pools;

namespace Cscm.Storage.Erase;

/// <summary>
/// Zeroes behind the callers' backs what was removed, and gives its space back: regions in parallel, the items of one region one after
/// the other. Remembers nothing that matters: the trash on the medium is the queue, so a start goes on where a kill -9 left off.
/// What fails is a finding of the pool's health, keeps its charge, and is tried again. Thread-safe.
/// </summary>
internal sealed class Eraser : IDisposable
{
    private static readonly TimeSpan s_retry = TimeSpan.FromMinutes(1);

    private readonly IReadOnlyList<IScmPool> _pools;
    private readonly TimeProvider _time;
    private readonly Action<string> _log;
    private readonly CancellationTokenSource _stop = new();
    private readonly ITimer _retryTimer;

    private readonly Lock _lock = new();
    private readonly Dictionary<(string Pool, string Id), Work> _known = [];
    private readonly Dictionary<string, Region> _regions = new(StringComparer.Ordinal);
    private TaskCompletionSource _idle = Completed();
    private bool _isStarted;

    /// <param name="pools">All pools; those that erase nothing are left alone.</param>
    /// <param name="time">The clock of limit and retries.</param>
    /// <param name="log">Takes a line for a person about what could not be erased.</param>
    public Eraser(IReadOnlyList<IScmPool> pools, TimeProvider time, Action<string> log)
    {
        (_pools, _time, _log) = (pools, time, log);
        _retryTimer = time.CreateTimer(_ => RetryFailed(), null, s_retry, s_retry);
    }

    /// <summary>Takes over what a removal left, and charges the pool for it until it is erased.</summary>
    public void Take(IErasingPool pool, ErasableItem item)
    {
        pool.Ledger.Adopt(item.Id, item.SizeBytes);
        lock (_lock)
        {
            var work = new Work(pool, item);
            if (_known.TryAdd(work.Key, work))
                Queue(work);
        }
    }

    /// <summary>Finds what earlier processes left, and begins. To be called when nothing is being recovered any more.</summary>
    public void Start()
    {
        foreach (IErasingPool pool in _pools.OfType<IErasingPool>())
        {
            foreach (ErasableItem item in pool.FindErasable())
                Take(pool, item);
        }
        lock (_lock)
        {
            _isStarted = true;
            foreach (Region region in _regions.Values)
                Run(region);
        }
    }

    /// <summary>What a pool has in its trash, in bytes of its charge.</summary>
    public long PendingBytes(IScmPool pool)
    {
        lock (_lock)
            return _known.Values.Where(work => work.Pool == pool).Sum(work => work.Item.SizeBytes);
    }

    /// <summary>Ends when all that was taken has been erased, or has failed.</summary>
    public Task WhenIdleAsync(CancellationToken cancellationToken)
    {
        lock (_lock)
            return _idle.Task.WaitAsync(cancellationToken);
    }

    /// <summary>What could not be erased so far.</summary>
    public IReadOnlyList<PoolHealth> Examine()
    {
        lock (_lock)
        {
            return
            [
                .. _known.Values.Where(work => work.Failure is not null).Select(work => new PoolHealth(
                    work.Pool.Options.Name, HealthKind.Degraded, "EraseFailed",
                    $"{work.Item.SizeBytes} bytes of pool {work.Pool.Options.Name} could not be erased and stay out of use ({work.Item.Id}: {work.Failure}): "
                        + "look at the medium's health; it is tried again every minute and at the next start")),
            ];
        }
    }

    /// <summary>Stops between two chunks; a later process goes on.</summary>
    public void Dispose()
    {
        Task[] running;
        lock (_lock)
        {
            _isStarted = false;
            running = [.. _regions.Values.Select(region => region.Running).OfType<Task>()];
        }
        _retryTimer.Dispose();
        _stop.Cancel();
        Task.WaitAll(running);
        _stop.Dispose();
    }

    private static TaskCompletionSource Completed()
    {
        var source = new TaskCompletionSource();
        source.SetResult();
        return source;
    }

    /// <summary>Under the lock.</summary>
    private void Queue(Work work)
    {
        if (!_regions.TryGetValue(work.Item.Region, out Region? region))
            _regions[work.Item.Region] = region = new Region();
        region.Queue.Enqueue(work);
        if (_idle.Task.IsCompleted)
            _idle = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        if (_isStarted)
            Run(region);
    }

    /// <summary>Under the lock. A thread of its own: it is busy for as long as zeroing takes.</summary>
    private void Run(Region region)
    {
        if (region.Running is null && region.Queue.Count > 0)
            region.Running = Task.Factory.StartNew(() => EraseAll(region), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    private void EraseAll(Region region)
    {
        while (Next(region) is { } work)
        {
            string? failure = null;
            try
            {
                work.Pool.Erase(work.Item, region.PaceOf(work.Pool, _time, _stop.Token));
                work.Pool.Ledger.Release(work.Item.Id);
            }
            catch (OperationCanceledException)
            {
                return;
            }
            catch (Exception e)
            {
                // Whatever it is: it must show, and must not end the process or keep other items from being erased.
                failure = e.Message;
                _log($"{work.Item.Id} of pool {work.Pool.Options.Name} could not be erased, and is tried again: {e.Message}");
            }
            lock (_lock)
            {
                work.Failure = failure;
                if (failure is null)
                    _known.Remove(work.Key);
            }
        }
    }

    private Work? Next(Region region)
    {
        lock (_lock)
        {
            if (region.Queue.TryDequeue(out Work? work))
                return work;
            region.Running = null;
            if (_regions.Values.All(other => other.Running is null && other.Queue.Count == 0))
                _idle.TrySetResult();
            return null;
        }
    }

    private void RetryFailed()
    {
        lock (_lock)
        {
            HashSet<Work> queued = [.. _regions.Values.SelectMany(region => region.Queue)];
            foreach (Work work in _known.Values.Where(work => work.Failure is not null && !queued.Contains(work)).ToArray())
                Queue(work);
        }
    }

    private sealed class Work(IErasingPool pool, ErasableItem item)
    {
        public IErasingPool Pool => pool;

        public ErasableItem Item => item;

        public (string Pool, string Id) Key => (pool.Options.Name, item.Id);

        public string? Failure { get; set; }
    }

    private sealed class Region
    {
        private readonly Dictionary<IErasingPool, ErasePace> _paces = [];

        public Queue<Work> Queue { get; } = new();

        public Task? Running { get; set; }

        /// <summary>For the region's thread. Kept from item to item: many small ones must not be faster than a large one.</summary>
        public ErasePace PaceOf(IErasingPool pool, TimeProvider time, CancellationToken stop)
        {
            if (!_paces.TryGetValue(pool, out ErasePace? pace))
                _paces[pool] = pace = new ErasePace(pool.Options.EraseBytesPerSecond, time, stop);
            return pace;
        }
    }
}
