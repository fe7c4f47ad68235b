using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;

namespace Cscm.Storage.Pools;

/// <summary>XFS with 4 KiB blocks, without reflink inside the volume (images are cloned from outside) and without a reverse map.</summary>
/// <param name="isAligned">Whether its allocations are to start at multiples of 2 MiB, as mappings of that size need it.</param>
internal sealed class XfsFormat(bool isAligned = false) : FileSystemFormat
{
    private const long LogBytes = 64L << 20;

    /// <summary>mkfs.xfs makes four allocation groups of anything below 4 TiB, and none may exceed 1 TiB.</summary>
    private const int AllocationGroups = 4;
    private const long LargestGroupBlocks = (1L << 40) / BlockBytes;

    public override string Name => "xfs";

    public override long MinimumBackingBytes => 300L << 20;

    public override long UsableBytes(long backingBytes)
    {
        long blocks = backingBytes / BlockBytes;
        return (blocks - (LogBytes / BlockBytes) - ReservedByKernel(blocks, Math.Max(AllocationGroups, (blocks / LargestGroupBlocks) + 1))) * BlockBytes;
    }

    public override Task MakeAsync(string image, long backingBytes, CancellationToken cancellationToken) => ToolRunner.RunOrThrowAsync(
        "mkfs.xfs", "xfsprogs",
        [
            "-q", "-f", "-K", "-b", $"size={BlockBytes}", "-m", "crc=1,finobt=1,rmapbt=0,reflink=0", "-l", $"internal=1,size={LogBytes}",
            .. isAligned ? ["-d", Geometry(backingBytes)] : Array.Empty<string>(), image,
        ],
        cancellationToken);

    /// <summary>Free blocks of the superblock (sb_fdblocks) less what the kernel keeps for itself once it is mounted.</summary>
    public override long ReadUsableBytes(string image)
    {
        byte[] superblock = ReadSuperblock(image);
        long blocks = BinaryPrimitives.ReadInt64BigEndian(superblock.AsSpan(8));
        long groups = BinaryPrimitives.ReadUInt32BigEndian(superblock.AsSpan(88));
        long free = BinaryPrimitives.ReadInt64BigEndian(superblock.AsSpan(144));
        // The groups' own headers are gone from the free count already; counting them twice is the safe side.
        return (free - ReservedByKernel(blocks, 0) - (8 * groups)) * BlockBytes;
    }

    /// <summary>What a file system offers at least after it has grown, in allocation groups of its first size.</summary>
    public static long GrownUsableBytes(string image, long backingBytes)
    {
        byte[] superblock = ReadSuperblock(image);
        long blocks = backingBytes / BlockBytes;
        long groupBlocks = Math.Max(1, BinaryPrimitives.ReadUInt32BigEndian(superblock.AsSpan(84)));
        return (blocks - (LogBytes / BlockBytes) - ReservedByKernel(blocks, (blocks / groupBlocks) + 1)) * BlockBytes;
    }

    /// <summary>Told of a stripe, mkfs.xfs would make more groups than it has room for on small devices: the number is said, unless groups become too large.</summary>
    private static string Geometry(long backingBytes)
        => "su=2m,sw=1" + (backingBytes < AllocationGroups * LargestGroupBlocks * BlockBytes ? $",agcount={AllocationGroups}" : "");

    private static byte[] ReadSuperblock(string image)
    {
        byte[] superblock = new byte[512];
        using SafeFileHandle file = File.OpenHandle(image, share: FileShare.ReadWrite);
        if (RandomAccess.Read(file, superblock, 0) != superblock.Length || !superblock.AsSpan(0, 4).SequenceEqual("XFSB"u8))
            throw new StorageException(StorageErrorKind.DataLoss, $"{image} holds no XFS file system");
        return superblock;
    }

    /// <summary>
    /// The kernel's pool for writes that must not fail (5 %, 8192 blocks at most), the free-inode trees that could become
    /// necessary (about one block in a thousand), and per group its headers and free list.
    /// </summary>
    private static long ReservedByKernel(long blocks, long groups)
        => Math.Min(blocks / 20, 8192) + (blocks / 900) + (groups * 20) + 64;
}
