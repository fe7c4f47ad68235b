using System.Collections.Concurrent;

namespace Cscm.Kubernetes.Emulator;

/// <summary>A request as the faults see it. <see cref="Verb"/> as in audit logs: get, list, watch, create, update, patch, delete.</summary>
public sealed record ApiRequest(string Verb, string Plural, string? Name, string? Subresource);

/// <summary>What goes wrong with one request.</summary>
public sealed record Fault
{
    /// <summary>Answered so, without being carried out.</summary>
    public ApiException? Refusal { get; init; }

    /// <summary>Before anything else.</summary>
    public TimeSpan Delay { get; init; }

    /// <summary>The connection breaks before the request is carried out.</summary>
    public bool IsLost { get; init; }

    /// <summary>The request is carried out, and the connection breaks before the answer.</summary>
    public bool IsAnswerLost { get; init; }

    /// <summary>Called between the act and its answer.</summary>
    public Action? WhenActed { get; init; }

    public static Fault Of(int code, string reason, int? retryAfterSeconds = null)
        => new() { Refusal = new ApiException(code, reason, $"the emulator was told to say {reason}", retryAfterSeconds) };
}

/// <summary>
/// How the emulator lies. As a real server does, it refuses for a moment (429, 500, 503), loses connections before or after acting,
/// answers late, and its watches end early, come late, repeat themselves or fall silent. Never: objects that differ from what was
/// acknowledged. Thread-safe; may be changed at any time.
/// </summary>
public sealed class Faults
{
    /// <summary>Asked for every request; null lets it pass.</summary>
    public Func<ApiRequest, Fault?>? OnRequest { get; set; }

    /// <summary>How late watch events are.</summary>
    public TimeSpan WatchDelay { get; set; }

    /// <summary>Each event is sent twice.</summary>
    public bool RepeatsEvents { get; set; }

    /// <summary>Watches stay open and say nothing.</summary>
    public bool IsSilent { get; set; }
}

/// <summary>How often what was asked. Thread-safe.</summary>
public sealed class RequestCounts
{
    private readonly ConcurrentDictionary<(string Verb, string Plural), long> _counts = new();

    public long Of(string verb, string plural) => _counts.GetValueOrDefault((verb, plural));

    /// <summary>All but watches and what concerns leases.</summary>
    public long Total => _counts.Where(pair => pair.Key.Verb != "watch" && pair.Key.Plural != "leases").Sum(pair => pair.Value);

    public string Summary => string.Join(", ", _counts.OrderBy(pair => pair.Key).Select(pair => $"{pair.Key.Verb} {pair.Key.Plural} {pair.Value}"));

    internal void Add(ApiRequest request) => _counts.AddOrUpdate((request.Verb, request.Plural), 1, (_, count) => count + 1);
}
