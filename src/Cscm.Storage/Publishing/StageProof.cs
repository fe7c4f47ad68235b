using Cscm.Storage.Linux;
using Cscm.Storage.Pools;
using Cscm.Storage.Proof;
using Cscm.Storage.State;

namespace Cscm.Storage.Publishing;

/// <summary>
/// What a staged volume promises is tried before anyone may rely on it, and the result is kept with the volume. Where DAX is required,
/// what was found not to hold refuses the stage. What could not be tried (no room for a probe, or mounted read-only) is no proof and no
/// refusal: the last result stands, and the volume's state says so.
/// </summary>
internal static class StageProof
{
    /// <summary>Real SCM must be mapped unless the volume's settings say otherwise; other pools cannot map anything.</summary>
    public static DaxPolicy PolicyOf(VolumeRecord volume) => volume.Settings.Dax ?? (IsScm(volume.PoolKind) ? DaxPolicy.Required : DaxPolicy.Preferred);

    public static bool IsScm(PoolKind kind) => kind is PoolKind.Lvm or PoolKind.Xfs or PoolKind.Namespace;

    /// <summary>Tries a mounted volume; null if it promises nothing.</summary>
    /// <exception cref="StorageException">FailedPrecondition: DAX is required and is not there.</exception>
    public static DaxProof? OfMount(VolumeRecord volume, SafePath mount, IScmPool pool)
        => PromisesNothing(volume) ? null : Accept(volume, pool.SharedProof ?? DaxProver.Prove(mount));

    /// <summary>Looks at an attached block volume. Only its consumer's file system could prove more than the device's own word.</summary>
    /// <exception cref="StorageException">FailedPrecondition: DAX is required and the device has none.</exception>
    public static DaxProof? OfDevice(VolumeRecord volume, string device)
    {
        if (PromisesNothing(volume))
            return null;
        string name = Path.GetFileName(File.ResolveLinkTarget(device, returnFinalTarget: true)?.FullName ?? device);
        string flag = $"/sys/class/block/{name}/queue/dax";
        bool isDax = File.Exists(flag) && File.ReadAllText(flag).Trim() == "1";
        return Accept(volume, isDax
            ? new DaxProof(ProofResult.Proven, ProofResult.Untested, ProofResult.Untested, "a block volume is proven by the file system that its consumer makes: run cscm probe on it")
            : new DaxProof(ProofResult.Absent, ProofResult.Absent, ProofResult.Absent, $"{device} cannot be mapped ({flag} is not 1): use an fsdax namespace, or a linear or striped logical volume on one"));
    }

    private static bool PromisesNothing(VolumeRecord volume) => !IsScm(volume.PoolKind) || PolicyOf(volume) == DaxPolicy.Never;

    private static DaxProof Accept(VolumeRecord volume, DaxProof found)
    {
        if (PolicyOf(volume) == DaxPolicy.Required && (found.Dax == ProofResult.Absent || found.MapSync == ProofResult.Absent))
        {
            throw new StorageException(
                StorageErrorKind.FailedPrecondition,
                $"volume {volume.Id} requires DAX with MAP_SYNC, which was tried and does not hold: {found.Reason}; or accept less with the class parameter dax: preferred");
        }
        bool isUntried = found.MapSync == ProofResult.Untested && volume.Access == AccessType.Mount;
        return isUntried && volume.Proof is { IsDirect: true } earlier ? earlier : found;
    }
}
