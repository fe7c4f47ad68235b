namespace Cscm.Storage;

/// <summary>What a caller accepts as a volume's size, in bytes. Zero means "not given".</summary>
/// <param name="RequiredBytes">At least this much must be usable.</param>
/// <param name="LimitBytes">The capacity must not exceed this.</param>
public readonly record struct SizeRange(long RequiredBytes, long LimitBytes);

/// <summary>What a pool can give, in bytes.</summary>
/// <param name="AvailableBytes">Sum of what can still be allocated, over all volumes to come.</param>
/// <param name="MaximumVolumeBytes">The largest single volume that a create would succeed with now.</param>
/// <param name="MinimumVolumeBytes">The smallest volume the pool makes.</param>
/// <param name="TotalBytes">The pool's share of its medium, or what the medium has of it.</param>
public readonly record struct PoolCapacity(long AvailableBytes, long MaximumVolumeBytes, long MinimumVolumeBytes, long TotalBytes);
