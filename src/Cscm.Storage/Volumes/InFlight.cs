using System.Collections.Concurrent;

namespace Cscm.Storage.Volumes;

/// <summary>
/// Keeps a second call on an object out while the first is in flight. Orchestrators repeat calls that take long; such a repetition is
/// refused at once rather than queued.
/// </summary>
internal sealed class InFlight
{
    private readonly ConcurrentDictionary<string, byte> _held = new(StringComparer.Ordinal);

    /// <summary>Holds objects until disposed, all of them or none.</summary>
    /// <exception cref="StorageException">Aborted: one of them is held.</exception>
    public IDisposable Enter(params ReadOnlySpan<string> keys)
    {
        var hold = new Hold(this, keys.Length);
        foreach (string key in keys)
        {
            if (_held.TryAdd(key, 0))
            {
                hold.Add(key);
                continue;
            }
            hold.Dispose();
            throw new StorageException(StorageErrorKind.Aborted, $"another call on {key} is in flight: repeat this one later");
        }
        return hold;
    }

    private sealed class Hold(InFlight owner, int capacity) : IDisposable
    {
        private readonly List<string> _keys = new(capacity);

        public void Add(string key) => _keys.Add(key);

        public void Dispose()
        {
            foreach (string key in _keys)
                owner._held.TryRemove(key, out _);
            _keys.Clear();
        }
    }
}
