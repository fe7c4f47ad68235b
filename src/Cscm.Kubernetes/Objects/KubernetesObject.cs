namespace Cscm.Kubernetes;

/// <summary>What every object of the API has. Immutable, as all objects here: change one with <c>with</c> and write it back.</summary>
/// <remarks>Setters mend what a server left out: the generated reader sets every property, to null if need be.</remarks>
public abstract record KubernetesObject
{
    public string? ApiVersion { get; init; }
    public string? Kind { get; init; }
    public ObjectMeta Metadata { get; init => field = value ?? new(); } = new();
}

/// <summary>The part of ObjectMeta (API conventions, "Metadata") that we read or write; what else a server sends is not kept.</summary>
public sealed record ObjectMeta
{
    public string Name { get; init => field = value ?? ""; } = "";
    public string? Namespace { get; init; }
    public string? Uid { get; init; }

    /// <summary>Opaque but for order: of two versions of one resource type the larger number is the later.</summary>
    public string? ResourceVersion { get; init; }

    /// <summary>Counts changes of the spec, not of the status.</summary>
    public long? Generation { get; init; }
    public DateTimeOffset? CreationTimestamp { get; init; }

    /// <summary>Set while the object waits for its finalizers.</summary>
    public DateTimeOffset? DeletionTimestamp { get; init; }
    public IReadOnlyDictionary<string, string>? Labels { get; init; }
    public IReadOnlyDictionary<string, string>? Annotations { get; init; }
    public IReadOnlyList<string>? Finalizers { get; init; }
    public IReadOnlyList<OwnerReference>? OwnerReferences { get; init; }
}

/// <summary>Says whose end is this object's end.</summary>
public sealed record OwnerReference(string ApiVersion, string Kind, string Name, string Uid);

/// <summary>One observation about an object (API conventions, "Typical status properties").</summary>
/// <param name="Type">CamelCase; one condition of a type per object.</param>
/// <param name="Status">True, False or Unknown.</param>
/// <param name="Reason">One CamelCase word.</param>
/// <param name="Message">For people.</param>
/// <param name="LastTransitionTime">When <paramref name="Status"/> last changed.</param>
public sealed record Condition(string Type, string Status, string Reason, string Message, DateTimeOffset LastTransitionTime);

/// <summary>One page of a list.</summary>
public sealed record ObjectList<T>
{
    public ListMeta Metadata { get; init => field = value ?? new(); } = new();
    public IReadOnlyList<T> Items { get; init => field = value ?? []; } = [];
}

/// <param name="ResourceVersion">Where a watch goes on from.</param>
/// <param name="Continue">Empty on the last page.</param>
public sealed record ListMeta(string? ResourceVersion = null, string? Continue = null);

/// <summary>The API's own error object (meta/v1 Status).</summary>
public sealed record ApiStatus
{
    public int Code { get; init; }
    public string? Reason { get; init; }
    public string? Message { get; init; }
    public ApiStatusDetails? Details { get; init; }
}

public sealed record ApiStatusDetails(int? RetryAfterSeconds = null);
