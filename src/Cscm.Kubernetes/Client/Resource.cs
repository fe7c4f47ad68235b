using System.Text.Json.Serialization.Metadata;

namespace Cscm.Kubernetes;

/// <summary>Where objects of one type live in the API, and how they are read. Immutable.</summary>
public sealed class Resource<T>(
    string apiVersion, string kind, string plural, JsonTypeInfo<T> item, JsonTypeInfo<ObjectList<T>> list, string? @namespace = null)
    where T : KubernetesObject
{
    public string ApiVersion { get; } = apiVersion;
    public string Kind { get; } = kind;
    public string Plural { get; } = plural;
    public JsonTypeInfo<T> Item { get; } = item;
    public JsonTypeInfo<ObjectList<T>> List { get; } = list;

    /// <summary>The path of all objects, of one, or of one's subresource; relative to the server.</summary>
    public string Path(string? name = null, string? subresource = null)
    {
        string root = ApiVersion.Contains('/', StringComparison.Ordinal) ? $"apis/{ApiVersion}" : $"api/{ApiVersion}";
        string all = @namespace is null ? $"{root}/{Plural}" : $"{root}/namespaces/{Uri.EscapeDataString(@namespace)}/{Plural}";
        string one = name is null ? all : $"{all}/{Uri.EscapeDataString(name)}";
        return subresource is null ? one : $"{one}/{subresource}";
    }
}

/// <summary>The types that we touch.</summary>
public static class Resources
{
    public static Resource<ScmVolume> Volumes { get; } = new(
        ScmNames.ApiVersion, "ScmVolume", "scmvolumes", KubernetesJson.Default.ScmVolume, KubernetesJson.Default.ObjectListScmVolume);

    public static Resource<ScmSnapshot> Snapshots { get; } = new(
        ScmNames.ApiVersion, "ScmSnapshot", "scmsnapshots", KubernetesJson.Default.ScmSnapshot, KubernetesJson.Default.ObjectListScmSnapshot);

    public static Resource<ScmNode> ScmNodes { get; } = new(
        ScmNames.ApiVersion, "ScmNode", "scmnodes", KubernetesJson.Default.ScmNode, KubernetesJson.Default.ObjectListScmNode);

    public static Resource<Node> Nodes { get; } = new("v1", "Node", "nodes", KubernetesJson.Default.Node, KubernetesJson.Default.ObjectListNode);

    public static Resource<PersistentVolume> PersistentVolumes { get; } = new(
        "v1", "PersistentVolume", "persistentvolumes", KubernetesJson.Default.PersistentVolume, KubernetesJson.Default.ObjectListPersistentVolume);

    public static Resource<SnapshotContent> SnapshotContents { get; } = new(
        "snapshot.storage.k8s.io/v1", "VolumeSnapshotContent", "volumesnapshotcontents",
        KubernetesJson.Default.SnapshotContent, KubernetesJson.Default.ObjectListSnapshotContent);

    public static Resource<SnapshotContent> GroupSnapshotContents { get; } = new(
        "groupsnapshot.storage.k8s.io/v1", "VolumeGroupSnapshotContent", "volumegroupsnapshotcontents",
        KubernetesJson.Default.SnapshotContent, KubernetesJson.Default.ObjectListSnapshotContent);

    public static Resource<Lease> Leases(string @namespace) => new(
        "coordination.k8s.io/v1", "Lease", "leases", KubernetesJson.Default.Lease, KubernetesJson.Default.ObjectListLease, @namespace);

    public static Resource<EventObject> Events(string @namespace) => new(
        "v1", "Event", "events", KubernetesJson.Default.EventObject, KubernetesJson.Default.ObjectListEventObject, @namespace);
}
