using System.Text.Json.Serialization;

namespace Cscm.Kubernetes;

/// <summary>A node of the cluster: only whether it exists matters to us.</summary>
public sealed record Node : KubernetesObject;

/// <summary>A PersistentVolume, as far as it says which CSI volume it stands for.</summary>
public sealed record PersistentVolume : KubernetesObject
{
    public PersistentVolumeSpec Spec { get; init => field = value ?? new(); } = new();
}

public sealed record PersistentVolumeSpec(CsiVolumeSource? Csi = null);

public sealed record CsiVolumeSource(string Driver, string VolumeHandle);

/// <summary>A VolumeSnapshotContent or a VolumeGroupSnapshotContent, as far as it says which CSI snapshot or group it stands for.</summary>
public sealed record SnapshotContent : KubernetesObject
{
    public SnapshotContentSpec Spec { get; init => field = value ?? new(); } = new();
    public SnapshotContentStatus? Status { get; init; }

    /// <summary>The ids of everything it stands for: as made, or as given by who brought it along.</summary>
    [JsonIgnore]
    public IEnumerable<string> Handles => ((string?[])
    [
        Status?.SnapshotHandle, Status?.VolumeGroupSnapshotHandle, Spec.Source?.SnapshotHandle, Spec.Source?.GroupSnapshotHandles?.VolumeGroupSnapshotHandle,
    ]).OfType<string>();
}

public sealed record SnapshotContentSpec(string Driver = "", SnapshotContentSource? Source = null);

public sealed record SnapshotContentSource(string? SnapshotHandle = null, GroupSnapshotHandles? GroupSnapshotHandles = null);

public sealed record GroupSnapshotHandles(string VolumeGroupSnapshotHandle);

public sealed record SnapshotContentStatus(string? SnapshotHandle = null, string? VolumeGroupSnapshotHandle = null);

/// <summary>A lock with an owner and a time (coordination.k8s.io/v1).</summary>
public sealed record Lease : KubernetesObject
{
    public LeaseSpec Spec { get; init => field = value ?? new(); } = new();
}

public sealed record LeaseSpec
{
    public string? HolderIdentity { get; init; }
    public int? LeaseDurationSeconds { get; init; }
    public DateTimeOffset? AcquireTime { get; init; }
    public DateTimeOffset? RenewTime { get; init; }
    public int? LeaseTransitions { get; init; }
}

/// <summary>What <c>kubectl describe</c> and <c>kubectl events</c> show (core/v1 Event).</summary>
public sealed record EventObject : KubernetesObject
{
    public ObjectReference InvolvedObject { get; init => field = value ?? new(); } = new();
    public string Type { get; init => field = value ?? "Normal"; } = "Normal";
    public string Reason { get; init => field = value ?? ""; } = "";
    public string Message { get; init => field = value ?? ""; } = "";
    public EventSource Source { get; init => field = value ?? new(""); } = new("");
    public DateTimeOffset FirstTimestamp { get; init; }
    public DateTimeOffset LastTimestamp { get; init; }
    public int Count { get; init; }
}

public sealed record EventSource(string Component, string? Host = null);

public sealed record ObjectReference
{
    public string? ApiVersion { get; init; }
    public string? Kind { get; init; }
    public string? Name { get; init; }
    public string? Namespace { get; init; }
    public string? Uid { get; init; }

    public static ObjectReference To(KubernetesObject item, string apiVersion, string kind) => new()
    {
        ApiVersion = apiVersion,
        Kind = kind,
        Name = item.Metadata.Name,
        Namespace = item.Metadata.Namespace,
        Uid = item.Metadata.Uid,
    };
}
