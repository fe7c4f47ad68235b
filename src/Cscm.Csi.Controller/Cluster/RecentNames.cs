using System.Collections.Concurrent;

namespace Cscm.Csi.Controller.Cluster;

/// <summary>Names that were added a short time ago. Thread-safe.</summary>
internal sealed class RecentNames(TimeSpan remembered)
{
    private const int EntriesBeforeSweep = 1024;

    private readonly ConcurrentDictionary<string, long> _addedAt = new(StringComparer.Ordinal);

    public void Add(string name)
    {
        if (_addedAt.Count >= EntriesBeforeSweep)
        {
            foreach (string old in _addedAt.Where(pair => IsOver(pair.Value)).Select(pair => pair.Key).ToArray())
                _addedAt.TryRemove(old, out _);
        }
        _addedAt[name] = TimeProvider.System.GetTimestamp();
    }

    public void Remove(string name) => _addedAt.TryRemove(name, out _);

    public bool Contains(string name) => _addedAt.TryGetValue(name, out long addedAt) && !IsOver(addedAt);

    private bool IsOver(long addedAt) => TimeProvider.System.GetElapsedTime(addedAt) > remembered;
}
