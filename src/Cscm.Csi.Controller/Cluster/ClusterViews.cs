using Cscm.Kubernetes;
using Cscm.Storage;

namespace Cscm.Csi.Controller.Cluster;

/// <summary>Custom resources as storage's records, and orders as custom resources.</summary>
internal static class ClusterViews
{
    public static VolumeInfo ToInfo(ScmVolume volume)
    {
        ScmVolumeSpec spec = volume.Spec;
        ScmVolumeStatus status = volume.Status ?? new ScmVolumeStatus();
        return new VolumeInfo
        {
            Id = volume.Metadata.Name,
            Name = spec.VolumeName,
            Pool = status.Pool ?? spec.Pool ?? "",
            PoolKind = Parse(status.PoolKind, PoolKind.File),
            Access = Parse(spec.Access, AccessType.Mount),
            FileSystem = status.FileSystem ?? "",
            CapacityBytes = status.CapacityBytes,
            BackingBytes = status.BackingBytes,
            Source = ToSource(spec.Source),
            Settings = ToSettings(spec),
            CreatedAt = status.CreatedAt ?? volume.Metadata.CreationTimestamp ?? default,
            NumaNode = status.NumaNode,
            Health = [.. status.Health.Select(ToFinding)],
        };
    }

    public static ScmVolume ToObject(string id, VolumeSpec spec, string node, string? pool) => new()
    {
        Metadata = MetadataOf(id, node),
        Spec = new ScmVolumeSpec
        {
            VolumeName = spec.Name,
            Node = node,
            Pool = pool,
            Access = spec.Access.ToString(),
            FileSystem = spec.FileSystem,
            RequiredBytes = spec.Size.RequiredBytes,
            LimitBytes = spec.Size.LimitBytes,
            Source = spec.Source is null ? null : new ScmSource(spec.Source.Kind.ToString(), spec.Source.Id),
            Dax = spec.Settings.Dax?.ToString(),
            Erase = spec.Settings.Erase.ToString(),
            HugePages = spec.Settings.HugePages?.ToString(),
        },
    };

    public static SnapshotInfo ToInfo(ScmSnapshot snapshot) => new()
    {
        Id = snapshot.Metadata.Name,
        Name = snapshot.Spec.SnapshotName,
        SourceVolumeId = snapshot.Spec.Volume ?? "",
        Pool = snapshot.Status?.Pool ?? "",
        CapacityBytes = snapshot.Status?.CapacityBytes ?? 0,
        CreatedAt = CreatedAt(snapshot),
    };

    public static ScmSnapshot ToObject(string id, string name, ScmVolume source) => new()
    {
        Metadata = MetadataOf(id, source.Spec.Node),
        Spec = new ScmSnapshotSpec(name, source.Metadata.Name, source.Spec.Node),
    };

    /// <param name="id">Its name.</param>
    /// <param name="name">As it was asked for.</param>
    /// <param name="node">That holds the volumes.</param>
    /// <param name="volumeIds">In ordinal order.</param>
    public static ScmSnapshot ToGroupObject(string id, string name, string node, IReadOnlyList<string> volumeIds) => new()
    {
        Metadata = MetadataOf(id, node),
        Spec = new ScmSnapshotSpec(name, null, node, volumeIds),
    };

    public static GroupSnapshotInfo ToGroupInfo(ScmSnapshot group) => new()
    {
        Id = group.Metadata.Name,
        Name = group.Spec.SnapshotName,
        CreatedAt = CreatedAt(group),
        Snapshots = [.. ToInfos(group)],
    };

    /// <summary>The CSI snapshots that an object stands for: itself, or its group's.</summary>
    public static IEnumerable<SnapshotInfo> ToInfos(ScmSnapshot snapshot) => snapshot.Spec.Volumes is null
        ? [ToInfo(snapshot)]
        : (snapshot.Status?.Snapshots ?? []).Select(member => new SnapshotInfo
        {
            Id = member.Name,
            Name = snapshot.Spec.SnapshotName,
            SourceVolumeId = member.Volume,
            Pool = member.Pool,
            CapacityBytes = member.CapacityBytes,
            CreatedAt = CreatedAt(snapshot),
            GroupId = snapshot.Metadata.Name,
        });

    public static HealthFinding ToFinding(ScmFinding finding) => new(Parse(finding.Kind, HealthKind.Degraded), finding.Reason, finding.Message);

    /// <summary>The refusal that a node left in a status.</summary>
    public static StorageException ToRefusal(string code, string? message, string node)
        => new(Parse(code, StorageErrorKind.Internal), $"node {node}: {(string.IsNullOrEmpty(message) ? code : message)}");

    /// <summary>Why a volume is not the one asked for; null if it is.</summary>
    public static string? FindDifference(ScmVolume existing, VolumeSpec spec, NodeTerms where)
    {
        ScmVolumeSpec made = existing.Spec;
        long capacityBytes = existing.Status?.CapacityBytes ?? 0;
        bool isReady = existing.Status?.Phase == ScmPhase.Ready;
        return made.VolumeName != spec.Name ? $"its name is {made.VolumeName}"
            : spec.Pool is not null && spec.Pool != (existing.Status?.Pool ?? made.Pool) ? $"it is in pool {existing.Status?.Pool ?? made.Pool}"
            : spec.Access.ToString() != made.Access ? $"its access type is {made.Access}"
            : spec.Access == AccessType.Mount && !string.IsNullOrEmpty(spec.FileSystem) && spec.FileSystem != (existing.Status?.FileSystem ?? made.FileSystem) ? $"its file system is {existing.Status?.FileSystem ?? made.FileSystem}"
            : spec.Source != ToSource(made.Source) ? $"its content source is {made.Source?.Name ?? "none"}"
            : spec.Settings != ToSettings(made) ? "its settings differ"
            : isReady && (capacityBytes < spec.Size.RequiredBytes || (spec.Size.LimitBytes > 0 && capacityBytes > spec.Size.LimitBytes)) ? $"its capacity is {capacityBytes}"
            : !where.Admits(made.Node) ? $"it is on node {made.Node}"
            : null;
    }

    public static T Parse<T>(string? text, T otherwise)
        where T : struct, Enum
        => Enum.TryParse(text, out T value) ? value : otherwise;

    private static DateTimeOffset CreatedAt(ScmSnapshot snapshot) => snapshot.Status?.CreatedAt ?? snapshot.Metadata.CreationTimestamp ?? default;

    private static ObjectMeta MetadataOf(string id, string node) => new()
    {
        Name = id,
        Labels = new Dictionary<string, string> { [ScmNames.NodeLabel] = ScmNames.LabelValue(node) },
        Finalizers = [ScmNames.Finalizer],
    };

    private static ContentSource? ToSource(ScmSource? source)
        => source is null ? null : new ContentSource(Parse(source.Kind, ContentSourceKind.Volume), source.Name);

    private static VolumeSettings ToSettings(ScmVolumeSpec spec) => new()
    {
        Dax = spec.Dax is null ? null : Parse(spec.Dax, DaxPolicy.Preferred),
        Erase = Parse(spec.Erase, ErasePolicy.Zero),
        HugePages = spec.HugePages is null ? null : Parse(spec.HugePages, HugePages.Advise),
    };
}
