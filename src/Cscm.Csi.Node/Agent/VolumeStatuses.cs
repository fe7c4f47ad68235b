using System.Text.Json;
using Cscm.Kubernetes;
using Cscm.Storage;
using Cscm.Storage.Proof;

namespace Cscm.Csi.Node.Agent;

/// <summary>Puts together what a volume's status says.</summary>
internal static class VolumeStatuses
{
    private const string DaxProven = "DaxProven";

    /// <summary>An order was carried out.</summary>
    public static ScmVolumeStatus Made(ScmVolume volume, VolumeInfo local)
    {
        ScmVolumeStatus old = volume.Status ?? new ScmVolumeStatus();
        IReadOnlyList<ScmFinding> health = [.. local.Health.Select(ToFinding)];
        return new ScmVolumeStatus
        {
            Phase = ScmPhase.Ready,
            ObservedGeneration = volume.Metadata.Generation ?? 0,
            Code = ScmCode.Ok,
            Pool = local.Pool,
            PoolKind = local.PoolKind.ToString(),
            FileSystem = local.FileSystem.Length == 0 ? null : local.FileSystem,
            CapacityBytes = local.CapacityBytes,
            BackingBytes = local.BackingBytes,
            NumaNode = local.NumaNode,
            CreatedAt = local.CreatedAt,
            Conditions = ConditionsOf(old.Conditions, isReady: true, "Created", "", health, local?.Proof),
            Health = health,
        };
    }

    /// <summary>Storage refused an order: all that the status said before still holds.</summary>
    public static ScmVolumeStatus Refused(ScmVolume volume, StorageException refusal)
    {
        ScmVolumeStatus old = volume.Status ?? new ScmVolumeStatus();
        bool isReady = old.Phase == ScmPhase.Ready;
        return old with
        {
            ObservedGeneration = volume.Metadata.Generation ?? 0,
            Code = refusal.Kind.ToString(),
            Message = refusal.Message,
            Conditions = isReady ? old.Conditions : ConditionsOf(old.Conditions, isReady: false, refusal.Kind.ToString(), refusal.Message, old.Health, null),
        };
    }

    /// <summary>What is seen of a volume without an order.</summary>
    /// <param name="volume">Its object.</param>
    /// <param name="local">Null if this machine does not have it.</param>
    public static ScmVolumeStatus Observe(ScmVolume volume, VolumeInfo? local)
    {
        ScmVolumeStatus old = volume.Status!;
        IReadOnlyList<ScmFinding> health = local is null
            ? [new ScmFinding(nameof(HealthKind.Inaccessible), "VolumeMissing", "the node does not have this volume: restore the driver's state directory, or delete the volume")]
            : [.. local.Health.Select(ToFinding)];
        return old with
        {
            CapacityBytes = local?.CapacityBytes ?? old.CapacityBytes,
            BackingBytes = local?.BackingBytes ?? old.BackingBytes,
            Conditions = ConditionsOf(old.Conditions, isReady: true, "Created", "", health, local?.Proof),
            Health = health,
        };
    }

    public static bool AreSame(ScmVolumeStatus one, ScmVolumeStatus other)
    {
        static byte[] Bytes(ScmVolumeStatus status) => JsonSerializer.SerializeToUtf8Bytes(new ScmVolume { Status = status }, Resources.Volumes.Item);
        return Bytes(one).AsSpan().SequenceEqual(Bytes(other));
    }

    public static ScmFinding ToFinding(HealthFinding finding) => new(finding.Kind.ToString(), finding.Reason, finding.Message);

    private static List<Condition> ConditionsOf(
        IReadOnlyList<Condition> old, bool isReady, string reason, string message, IReadOnlyList<ScmFinding> health, DaxProof? proof)
    {
        ScmFinding? worst = health.Count == 0 ? null : health[0];
        var conditions = new List<Condition>
        {
            Conditions.Next(old, "Ready", isReady, reason, message),
            Conditions.Next(old, "Healthy", worst is null, worst?.Reason ?? "Healthy", worst?.Message ?? ""),
        };
        // Absent until a stage has tested it, and true until the next one has.
        if (proof is not null && proof.Dax != ProofResult.Untested)
        {
            string found = proof.Reason.Length > 0 ? proof.Reason : $"MAP_SYNC: {proof.MapSync}, 2 MiB mappings: {proof.HugeMappings}";
            conditions.Add(Conditions.Next(old, DaxProven, proof.Dax == ProofResult.Proven, $"MapSync{proof.MapSync}", found));
        }
        else if (old.FirstOrDefault(condition => condition.Type == DaxProven) is { } before)
        {
            conditions.Add(before);
        }
        return conditions;
    }
}
