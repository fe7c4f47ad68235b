namespace Cscm.Storage.Pools;

/// <summary>What a volume will be: what its consumer can use, and what the pool is charged for it.</summary>
internal readonly record struct SizePlan(long CapacityBytes, long BackingBytes);

/// <summary>The size semantics of CSI, common to all pools: at least required, never above limit, in steps of 2 MiB.</summary>
internal static class Sizes
{
    /// <summary>What a page-table entry of the second level maps: volumes and their file systems align to it.</summary>
    public const long StepBytes = 2L << 20;

    /// <summary>The capacity of a volume whose request names no size.</summary>
    public const long DefaultBytes = 1L << 30;

    /// <summary>No medium is larger; below it no sum of sizes overflows.</summary>
    public const long LargestBytes = 1L << 56;

    /// <summary>The capacity that a range asks for.</summary>
    /// <param name="range">What the caller accepts.</param>
    /// <param name="minimumBytes">What the pool or the content source needs at least, a multiple of the step.</param>
    /// <exception cref="StorageException">InvalidArgument: a negative size. OutOfRange: no capacity lies within the range.</exception>
    public static long ChooseCapacity(SizeRange range, long minimumBytes)
    {
        (long requiredBytes, long limitBytes) = range;
        if (requiredBytes < 0 || limitBytes < 0)
            throw new StorageException(StorageErrorKind.InvalidArgument, $"sizes must not be negative: required {requiredBytes}, limit {limitBytes}");
        if (limitBytes > 0 && requiredBytes > limitBytes)
            throw OutOfRange($"required size {requiredBytes} exceeds the limit {limitBytes}");
        if (requiredBytes > LargestBytes)
            throw OutOfRange($"required size {requiredBytes} is larger than any volume can be ({LargestBytes})");

        long capacityBytes = Math.Max(RoundUp(requiredBytes), minimumBytes);
        if (requiredBytes == 0)
            capacityBytes = Math.Max(limitBytes > 0 ? Math.Min(DefaultBytes, RoundDown(limitBytes)) : DefaultBytes, minimumBytes);
        if (limitBytes > 0 && capacityBytes > limitBytes)
            throw OutOfRange($"the smallest volume for required size {requiredBytes} is {capacityBytes} bytes (steps of {StepBytes}, at least {minimumBytes} here), above the limit {limitBytes}: raise the limit");
        return capacityBytes;
    }

    public static long RoundUp(long sizeBytes) => (sizeBytes + StepBytes - 1) / StepBytes * StepBytes;

    public static long RoundDown(long sizeBytes) => sizeBytes / StepBytes * StepBytes;

    private static StorageException OutOfRange(string message) => new(StorageErrorKind.OutOfRange, message);
}
