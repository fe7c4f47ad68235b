using Csi.V1;
using Cscm.Storage;

namespace Cscm.Csi;

/// <summary>Storage's findings as CSI 1.13's health messages. No entry means healthy.</summary>
public static class HealthViews
{
    public static VolumeHealth ToCsi(string volumeId, IEnumerable<HealthFinding> findings)
    {
        var health = new VolumeHealth { VolumeId = volumeId };
        foreach (HealthFinding finding in findings)
        {
            health.HealthStatuses.Add(new VolumeHealth.Types.VolumeHealthEntry
            {
                Status = finding.Kind switch
                {
                    HealthKind.DataLoss => VolumeHealthErrorType.DataLoss,
                    HealthKind.Inaccessible => VolumeHealthErrorType.Inaccessible,
                    _ => VolumeHealthErrorType.Degraded,
                },
                Reason = finding.Reason,
                Message = finding.Message,
            });
        }
        return health;
    }

    public static StorageHealthErrorType ToCsi(HealthKind kind) => kind == HealthKind.Degraded
        ? StorageHealthErrorType.StorageDegraded
        : StorageHealthErrorType.StorageUnreachable;
}
