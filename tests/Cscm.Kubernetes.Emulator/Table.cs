using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using System.Threading.Channels;

namespace Cscm.Kubernetes.Emulator;

/// <summary>All objects of one type, the recent history of their changes, and who watches them. The caller holds the store's lock.</summary>
internal sealed class Table(string apiVersion, string kind)
{
    private readonly SortedDictionary<string, JsonObject> _items = new(StringComparer.Ordinal);
    private readonly Dictionary<string, SortedDictionary<string, JsonObject>> _byLabel = new(StringComparer.Ordinal);
    private readonly Queue<Change> _history = new();
    private readonly List<Watch> _watches = [];
    private long _forgottenVersion;

    public string ApiVersion { get; } = apiVersion;
    public string Kind { get; } = kind;
    public required int HistoryLimit { get; init; }
    public IReadOnlyList<Watch> Watches => _watches;
    public int Count => _items.Count;

    public JsonObject? Find(string key) => _items.GetValueOrDefault(key);

    /// <summary>Objects that a selector may meet, in order, after a key. A thousand node agents each list their own: by label, not by all.</summary>
    public IEnumerable<KeyValuePair<string, JsonObject>> After(string key, Selector selector)
    {
        SortedDictionary<string, JsonObject>? items = selector.FirstLabel is { } label ? _byLabel.GetValueOrDefault(label) : _items;
        if (items is null)
            return [];
        return key.Length == 0 ? items : items.SkipWhile(pair => string.CompareOrdinal(pair.Key, key) <= 0);
    }

    /// <summary>Puts an object whose resourceVersion is set, or takes it away, and tells the watches.</summary>
    public void Commit(string type, string key, JsonObject item, long version)
    {
        foreach (string label in _items.TryGetValue(key, out JsonObject? old) ? LabelsOf(old) : [])
            _byLabel[label].Remove(key);
        if (type == "DELETED")
        {
            _items.Remove(key);
        }
        else
        {
            _items[key] = item;
            foreach (string label in LabelsOf(item))
            {
                if (!_byLabel.TryGetValue(label, out SortedDictionary<string, JsonObject>? items))
                    _byLabel.Add(label, items = new SortedDictionary<string, JsonObject>(StringComparer.Ordinal));
                items[key] = item;
            }
        }
        var change = new Change(version, item, Encoding.UTF8.GetBytes($"{{\"type\":\"{type}\",\"object\":{item.ToJsonString()}}}\n"));
        _history.Enqueue(change);
        while (_history.Count > HistoryLimit)
            Forget(_history.Dequeue());
        foreach (Watch watch in _watches)
            watch.Offer(change);
    }

    /// <summary>What etcd's compaction does: watches cannot go on from before.</summary>
    public void Compact(long version)
    {
        _history.Clear();
        _forgottenVersion = version;
    }

    public Watch Open(Selector selector, string? resourceVersion, long current)
    {
        long from = resourceVersion is null ? current : long.TryParse(resourceVersion, NumberStyles.None, CultureInfo.InvariantCulture, out long parsed)
            ? parsed
            : throw new ApiException(400, "BadRequest", $"invalid resource version: {resourceVersion}");
        if (from < _forgottenVersion)
            throw new ApiException(410, "Expired", $"too old resource version: {from} ({_forgottenVersion})");
        var watch = new Watch(selector);
        foreach (Change change in _history.Where(change => change.Version > from))
            watch.Offer(change);
        _watches.Add(watch);
        return watch;
    }

    public void Close(Watch watch) => _watches.Remove(watch);

    private static IEnumerable<string> LabelsOf(JsonObject item)
        => item["metadata"]?["labels"] is JsonObject labels ? labels.Select(label => $"{label.Key}={(string?)label.Value}") : [];

    private void Forget(Change change) => _forgottenVersion = change.Version;
}

internal sealed record Change(long Version, JsonObject Item, byte[] Line);

internal sealed class Watch(Selector selector)
{
    private readonly Channel<Change> _changes = Channel.CreateUnbounded<Change>();

    public ChannelReader<Change> Changes => _changes.Reader;

    public void Offer(Change change)
    {
        if (selector.Meets(change.Item))
            _changes.Writer.TryWrite(change);
    }

    /// <summary>Ends the stream, as a server that restarts does.</summary>
    public void Drop() => _changes.Writer.TryComplete();
}
