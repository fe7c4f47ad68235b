using System.Buffers;
using System.Net;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Cscm.Kubernetes;

/// <summary>One line of a watch stream: <c>{"type":"ADDED","object":{…}}</c>.</summary>
internal static class WatchLine
{
    /// <exception cref="KubernetesException">The server ended the watch by an ERROR event, or sent what is no event.</exception>
    public static WatchEvent<T> Parse<T>(ReadOnlySequence<byte> line, JsonTypeInfo<T> type)
        where T : KubernetesObject
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(line);
            JsonElement item = document.RootElement.GetProperty("object");
            string? kind = document.RootElement.GetProperty("type").GetString();
            if (kind == "ERROR")
                throw Refusal(item.Deserialize(KubernetesJson.Default.ApiStatus));
            WatchEventType eventType = kind switch
            {
                "ADDED" => WatchEventType.Added,
                "MODIFIED" => WatchEventType.Modified,
                "DELETED" => WatchEventType.Deleted,
                "BOOKMARK" => WatchEventType.Bookmark,
                _ => throw new JsonException($"unknown event type '{kind}'"),
            };
            return new WatchEvent<T>(eventType, item.Deserialize(type) ?? throw new JsonException("null"));
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw new KubernetesException(null, null, $"the watch sent what is no event: {e.Message}", innerException: e);
        }
    }

    /// <summary>A body that is an API error object; null if it is something else.</summary>
    public static ApiStatus? ReadStatus(byte[] body)
    {
        try
        {
            return body.Length == 0 ? null : JsonSerializer.Deserialize(body, KubernetesJson.Default.ApiStatus);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static KubernetesException Refusal(ApiStatus? status)
        => new((HttpStatusCode)(status?.Code ?? 500), status?.Reason, $"the server ended the watch: {status?.Message}");
}
