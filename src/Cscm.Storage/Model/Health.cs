namespace Cscm.Storage;

/// <summary>Severity as in CSI 1.13's VolumeHealthErrorType.</summary>
public enum HealthKind
{
    Degraded,
    Inaccessible,
    DataLoss,
}

/// <param name="Kind">How bad it is.</param>
/// <param name="Reason">One CamelCase word for machines.</param>
/// <param name="Message">What is wrong and what to do, for people.</param>
public sealed record HealthFinding(HealthKind Kind, string Reason, string Message);

/// <summary>A pool whose medium is unwell.</summary>
public sealed record PoolHealth(string Pool, HealthKind Kind, string Reason, string Message);

/// <summary>Usage of a published volume. Inodes are zero for block access.</summary>
public readonly record struct VolumeStats(
    long TotalBytes, long UsedBytes, long AvailableBytes, long TotalInodes, long UsedInodes, long AvailableInodes);
