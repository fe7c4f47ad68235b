using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Cscm.Kubernetes;

namespace Cscm.Bench.Cluster;

/// <summary>A pod or a claim: its spec as written, of its status the phase.</summary>
internal sealed record BenchObject : KubernetesObject
{
    public JsonObject? Spec { get; init; }
    public BenchStatus? Status { get; init; }
}

internal sealed record BenchStatus(string? Phase = null);

internal sealed record BenchClass : KubernetesObject
{
    public required string Provisioner { get; init; }
    public required string VolumeBindingMode { get; init; }
    public string ReclaimPolicy { get; init; } = "Delete";
    public IReadOnlyDictionary<string, string>? Parameters { get; init; }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(BenchObject))]
[JsonSerializable(typeof(ObjectList<BenchObject>))]
[JsonSerializable(typeof(BenchClass))]
[JsonSerializable(typeof(ObjectList<BenchClass>))]
internal sealed partial class BenchJson : JsonSerializerContext;

/// <summary>The types that the benchmark makes and watches, in its own namespace.</summary>
internal static class BenchResources
{
    public const string Namespace = "cscm-bench";

    public static Resource<BenchObject> Pods { get; } = new("v1", "Pod", "pods", BenchJson.Default.BenchObject, BenchJson.Default.ObjectListBenchObject, Namespace);

    public static Resource<BenchObject> Claims { get; } = new(
        "v1", "PersistentVolumeClaim", "persistentvolumeclaims", BenchJson.Default.BenchObject, BenchJson.Default.ObjectListBenchObject, Namespace);

    public static Resource<BenchClass> Classes { get; } = new(
        "storage.k8s.io/v1", "StorageClass", "storageclasses", BenchJson.Default.BenchClass, BenchJson.Default.ObjectListBenchClass);

    public static BenchObject Claim(string name, string storageClass, string size) => new()
    {
        Metadata = new ObjectMeta { Name = name },
        Spec = new JsonObject
        {
            ["storageClassName"] = storageClass,
            ["accessModes"] = new JsonArray("ReadWriteOnce"),
            ["resources"] = new JsonObject { ["requests"] = new JsonObject { ["storage"] = size } },
        },
    };

    /// <summary>A pod that mounts the claim of its own name and does nothing.</summary>
    public static BenchObject Pod(string name, string node, string image) => new()
    {
        Metadata = new ObjectMeta { Name = name },
        Spec = new JsonObject
        {
            ["nodeSelector"] = new JsonObject { ["kubernetes.io/hostname"] = node },
            // Zero would take the pod away before the kubelet has unmounted: the host-path driver then deletes what is mounted, and the kubelet tries to
            // unmount it for ever after, at the cost of whoever is measured next.
            ["terminationGracePeriodSeconds"] = 1,
            ["automountServiceAccountToken"] = false,
            ["enableServiceLinks"] = false,
            ["containers"] = new JsonArray(new JsonObject
            {
                ["name"] = "wait",
                ["image"] = image,
                ["imagePullPolicy"] = "IfNotPresent",
                ["volumeMounts"] = new JsonArray(new JsonObject { ["name"] = "volume", ["mountPath"] = "/mnt/volume" }),
            }),
            ["volumes"] = new JsonArray(new JsonObject { ["name"] = "volume", ["persistentVolumeClaim"] = new JsonObject { ["claimName"] = name } }),
        },
    };
}
