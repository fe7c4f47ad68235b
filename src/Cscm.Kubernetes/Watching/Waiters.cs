namespace Cscm.Kubernetes;

/// <summary>Calls that wait for an object to become something. Thread-safe.</summary>
internal sealed class Waiters<T>
    where T : class
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, List<Waiter>> _byName = new(StringComparer.Ordinal);

    public async Task<T?> WaitAsync(string name, Func<T?> read, Func<T?, bool> isWanted, CancellationToken cancellationToken)
    {
        var waiter = new Waiter(isWanted);
        lock (_lock)
        {
            if (!_byName.TryGetValue(name, out List<Waiter>? waiters))
                _byName.Add(name, waiters = []);
            waiters.Add(waiter);
        }
        try
        {
            // Read only now: a change between reading and waiting would else be missed.
            if (read() is var current && isWanted(current))
                return current;
            return await waiter.Source.Task.WaitAsync(cancellationToken);
        }
        finally
        {
            lock (_lock)
            {
                List<Waiter> waiters = _byName[name];
                waiters.Remove(waiter);
                if (waiters.Count == 0)
                    _byName.Remove(name);
            }
        }
    }

    public void Tell(string name, T? item)
    {
        lock (_lock)
        {
            if (!_byName.TryGetValue(name, out List<Waiter>? waiters))
                return;
            foreach (Waiter waiter in waiters)
            {
                if (waiter.IsWanted(item))
                    waiter.Source.TrySetResult(item);
            }
        }
    }

    private sealed record Waiter(Func<T?, bool> IsWanted)
    {
        public TaskCompletionSource<T?> Source { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
