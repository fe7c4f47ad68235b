using System.Globalization;
using System.Text.Json.Nodes;

namespace Cscm.Kubernetes.Emulator;

/// <summary>Objects of all types, with the API's rules for versions, generations, finalizers and status subresources. Thread-safe.</summary>
internal sealed class Store
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, Table> _tables = new(StringComparer.Ordinal);
    private long _version = 1000;

    public int HistoryLimit { get; set; } = 10_000;

    public Table Register(string path, string apiVersion, string kind)
    {
        lock (_lock)
        {
            if (!_tables.TryGetValue(path, out Table? table))
                _tables.Add(path, table = new Table(apiVersion, kind) { HistoryLimit = HistoryLimit });
            return table;
        }
    }

    public JsonObject Get(Table table, string key)
    {
        lock (_lock)
            return Copy(Require(table, key));
    }

    public (List<JsonObject> Items, string Continue, long Version) List(Table table, Selector selector, string prefix, int limit, string token)
    {
        lock (_lock)
        {
            var items = new List<JsonObject>();
            string last = "";
            foreach ((string key, JsonObject item) in table.After(token, selector))
            {
                if (!key.StartsWith(prefix, StringComparison.Ordinal) || !selector.Meets(item))
                    continue;
                if (limit > 0 && items.Count == limit)
                    return (items, last, _version);
                items.Add(Copy(item));
                last = key;
            }
            return (items, "", _version);
        }
    }

    public Watch Watch(Table table, Selector selector, string? resourceVersion)
    {
        lock (_lock)
            return table.Open(selector, resourceVersion, _version);
    }

    public void Unwatch(Table table, Watch watch)
    {
        lock (_lock)
            table.Close(watch);
    }

    public long Version
    {
        get
        {
            lock (_lock)
                return _version;
        }
    }

    public void Do(Action<IReadOnlyDictionary<string, Table>, long> action)
    {
        lock (_lock)
            action(_tables, _version);
    }

    public JsonObject Create(Table table, string key, JsonObject item)
    {
        lock (_lock)
        {
            if (table.Find(key) is not null)
                throw new ApiException(409, "AlreadyExists", $"{table.Kind} \"{key}\" already exists");
            JsonObject metadata = Metadata(item);
            metadata["uid"] = Guid.NewGuid().ToString();
            metadata["generation"] = 1L;
            metadata["creationTimestamp"] = TimeProvider.System.GetUtcNow().ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
            metadata.Remove("deletionTimestamp");
            item.Remove("status");
            (item["apiVersion"], item["kind"]) = (table.ApiVersion, table.Kind);
            return Commit(table, "ADDED", key, item);
        }
    }

    /// <summary>PUT and the patches: <paramref name="change"/> makes the new object of the old one.</summary>
    /// <param name="table">Its type.</param>
    /// <param name="key">Its place.</param>
    /// <param name="isStatus">Only the status may change; else all but the status.</param>
    /// <param name="change">Given a copy.</param>
    public JsonObject Update(Table table, string key, bool isStatus, Func<JsonObject, JsonObject> change)
    {
        lock (_lock)
        {
            JsonObject old = Require(table, key);
            JsonObject wanted = change(Copy(old));
            JsonObject metadata = Metadata(wanted);
            string? version = (string?)metadata["resourceVersion"];
            if (version is not null && version != (string?)Metadata(old)["resourceVersion"])
                throw Conflict(table, key, "the object has been modified; please apply your changes to the latest version and try again");
            if (metadata["uid"] is { } uid && (string?)uid != (string?)Metadata(old)["uid"])
                throw Conflict(table, key, "Precondition failed: UID in object meta");
            JsonObject next = Copy(old);
            if (isStatus)
            {
                next["status"] = wanted["status"]?.DeepClone();
            }
            else
            {
                foreach ((string field, JsonNode? value) in wanted.Where(pair => pair.Key is not ("status" or "metadata")).ToArray())
                    next[field] = value?.DeepClone();
                foreach (string field in (string[])["labels", "annotations", "finalizers", "ownerReferences"])
                    Metadata(next)[field] = metadata[field]?.DeepClone();
                if (!JsonNode.DeepEquals(next["spec"], old["spec"]))
                    Metadata(next)["generation"] = (long)Metadata(old)["generation"]! + 1;
            }
            if (JsonNode.DeepEquals(next, old))
                return Copy(old);
            bool isOver = Metadata(next)["deletionTimestamp"] is not null && IsFree(next);
            return Commit(table, isOver ? "DELETED" : "MODIFIED", key, next);
        }
    }

    public JsonObject Delete(Table table, string key, string? uid)
    {
        lock (_lock)
        {
            JsonObject old = Require(table, key);
            if (uid is not null && uid != (string?)Metadata(old)["uid"])
                throw Conflict(table, key, "Precondition failed: UID in precondition");
            JsonObject next = Copy(old);
            if (IsFree(next))
                return Commit(table, "DELETED", key, next);
            if (Metadata(next)["deletionTimestamp"] is not null)
                return next;
            Metadata(next)["deletionTimestamp"] = TimeProvider.System.GetUtcNow().ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
            Metadata(next)["generation"] = (long)Metadata(old)["generation"]! + 1;
            return Commit(table, "MODIFIED", key, next);
        }
    }

    public bool Exists(Table table, string key)
    {
        lock (_lock)
            return table.Find(key) is not null;
    }

    private static bool IsFree(JsonObject item) => Metadata(item)["finalizers"] is not JsonArray { Count: > 0 };

    private static JsonObject Metadata(JsonObject item) => item["metadata"]!.AsObject();

    private static JsonObject Copy(JsonObject item) => item.DeepClone().AsObject();

    private static ApiException Conflict(Table table, string key, string why)
        => new(409, "Conflict", $"Operation cannot be fulfilled on {table.Kind} \"{key}\": {why}");

    private static JsonObject Require(Table table, string key)
        => table.Find(key) ?? throw new ApiException(404, "NotFound", $"{table.Kind} \"{key}\" not found");

    private JsonObject Commit(Table table, string type, string key, JsonObject item)
    {
        Metadata(item)["resourceVersion"] = (++_version).ToString(CultureInfo.InvariantCulture);
        table.Commit(type, key, item, _version);
        return Copy(item);
    }
}
