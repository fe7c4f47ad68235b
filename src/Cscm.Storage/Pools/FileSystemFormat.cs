namespace Cscm.Storage.Pools;

/// <summary>
/// A file system on an image file: how it is made, and how much of the image its own structures take. The estimate never promises
/// more than the kernel then gives; a test holds it against real file systems of many sizes.
/// </summary>
internal abstract class FileSystemFormat
{
    protected const int BlockBytes = 4096;

    public static FileSystemFormat Ext4 { get; } = new Ext4Format();

    public static FileSystemFormat Xfs { get; } = new XfsFormat();

    public static FileSystemFormat Of(string name) => name switch
    {
        "ext4" => Ext4,
        "xfs" => Xfs,
        _ => throw new ArgumentOutOfRangeException(nameof(name), name, "not a file system of image files"),
    };

    /// <summary>For a device of storage class memory: what it reads as is not known, and mappings of 2 MiB need alignment to that.</summary>
    /// <param name="name">ext4 or xfs.</param>
    public static FileSystemFormat OnDevice(string name) => name == "ext4" ? new Ext4Format(isOnDevice: true) : new XfsFormat(isAligned: true);

    public abstract string Name { get; }

    /// <summary>The smallest image that can hold it.</summary>
    public abstract long MinimumBackingBytes { get; }

    /// <summary>What a fresh file system on an image of this size offers at least.</summary>
    public abstract long UsableBytes(long backingBytes);

    public abstract Task MakeAsync(string image, long backingBytes, CancellationToken cancellationToken);

    /// <summary>What the superblock of a fresh file system says is free for use.</summary>
    public abstract long ReadUsableBytes(string image);

    /// <summary>The smallest image that offers a capacity.</summary>
    public long BackingFor(long capacityBytes)
    {
        long backingBytes = Math.Max(Sizes.RoundUp(capacityBytes), MinimumBackingBytes);
        for (long missingBytes; (missingBytes = capacityBytes - UsableBytes(backingBytes)) > 0;)
            backingBytes += Sizes.RoundUp(missingBytes);
        while (backingBytes - Sizes.StepBytes >= MinimumBackingBytes && UsableBytes(backingBytes - Sizes.StepBytes) >= capacityBytes)
            backingBytes -= Sizes.StepBytes;
        return backingBytes;
    }

    /// <summary>The largest capacity whose image fits in a number of bytes; zero if none does.</summary>
    public long LargestCapacity(long backingBytes)
    {
        if (backingBytes < MinimumBackingBytes)
            return 0;
        long capacityBytes = Sizes.RoundDown(Math.Max(0, UsableBytes(Sizes.RoundDown(backingBytes)))) + Sizes.StepBytes;
        while (capacityBytes > 0 && BackingFor(capacityBytes) > backingBytes)
            capacityBytes -= Sizes.StepBytes;
        return capacityBytes;
    }
}
