using System.Collections.Concurrent;
using System.Globalization;
using Microsoft.Extensions.Logging;

namespace Cscm.Kubernetes;

/// <summary>
/// Writes Events, which people see with <c>kubectl describe</c>. They are a courtesy: one that cannot be written is logged and
/// forgotten, and the same one is written again only after a while. Thread-safe.
/// </summary>
public sealed partial class EventRecorder(IKubernetes client, string component, string? host, ILogger logger)
{
    /// <summary>Where events of objects without a namespace live.</summary>
    private const string Namespace = "default";
    private const int LongestMessage = 1024;
    private const int MaximumRemembered = 4096;

    private static readonly Resource<EventObject> s_events = Resources.Events(Namespace);
    private static readonly TimeSpan s_repeatAfter = TimeSpan.FromMinutes(10);

    private readonly ConcurrentDictionary<string, long> _written = new(StringComparer.Ordinal);

    /// <param name="item">What it is about.</param>
    /// <param name="resource">Its type.</param>
    /// <param name="isWarning">Else it is for information.</param>
    /// <param name="reason">One CamelCase word.</param>
    /// <param name="message">What was done or is wrong.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task RecordAsync<T>(T item, Resource<T> resource, bool isWarning, string reason, string message, CancellationToken cancellationToken)
        where T : KubernetesObject
    {
        string key = $"{resource.Kind} {item.Metadata.Name} {item.Metadata.Uid} {reason} {message}";
        long now = TimeProvider.System.GetTimestamp();
        if (_written.TryGetValue(key, out long before) && TimeProvider.System.GetElapsedTime(before, now) < s_repeatAfter)
            return;
        if (_written.Count >= MaximumRemembered)
            _written.Clear();
        _written[key] = now;
        DateTimeOffset time = TimeProvider.System.GetUtcNow();
        var happening = new EventObject
        {
            Metadata = new ObjectMeta
            {
                Name = $"{item.Metadata.Name}.{Guid.NewGuid().ToString("N", CultureInfo.InvariantCulture)[..16]}",
                Namespace = Namespace,
            },
            InvolvedObject = ObjectReference.To(item, resource.ApiVersion, resource.Kind),
            Type = isWarning ? "Warning" : "Normal",
            Reason = reason,
            Message = message.Length <= LongestMessage ? message : message[..LongestMessage],
            Source = new EventSource(component, host),
            FirstTimestamp = time,
            LastTimestamp = time,
            Count = 1,
        };
        try
        {
            await client.CreateAsync(s_events, happening, cancellationToken);
        }
        catch (KubernetesException e)
        {
            LogLost(logger, reason, item.Metadata.Name, e.Message);
        }
    }

    [LoggerMessage(EventId = 60, Level = LogLevel.Warning, Message = "event {Reason} about {Name} was not written: {Why}")]
    private static partial void LogLost(ILogger logger, string reason, string name, string why);
}
