using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;

namespace Cscm.Storage.Pools;

/// <summary>ext4 with 4 KiB blocks (DAX needs blocks of the page's size), no reserve for root, and every feature said explicitly.</summary>
/// <param name="isOnDevice">
/// On storage class memory: nobody knows what the device reads as, and large files are to start at multiples of 2 MiB, which the
/// allocator does for what it takes for the stripes of a RAID.
/// </param>
internal sealed class Ext4Format(bool isOnDevice = false) : FileSystemFormat
{
    private const int GroupBlocks = 32768;
    private const int InodeBytes = 256;
    private const int BytesPerInode = 16384;
    private const int DescriptorsPerBlock = BlockBytes / 64;
    private const int LargestReservedDescriptorBlocks = BlockBytes / 4;

    /// <summary>Root directory, lost+found, map of the resize inode, and what rounding hides.</summary>
    private const int SmallThingsBlocks = 24;
    private const string Features =
        "none,has_journal,ext_attr,resize_inode,dir_index,filetype,extent,64bit,flex_bg,sparse_super,large_file,huge_file,dir_nlink,extra_isize,metadata_csum";

    private static volatile bool s_isPrezeroedUnknown;

    public override string Name => "ext4";

    public override long MinimumBackingBytes => 12L << 20;

    public override long UsableBytes(long backingBytes)
    {
        long blocks = WholeGroupBlocks(backingBytes / BlockBytes);
        long free = blocks - MetadataBlocks(blocks) - (JournalBytes(backingBytes) / BlockBytes) - SmallThingsBlocks;
        return (free - ReservedByKernel(blocks)) * BlockBytes;
    }

    public override async Task MakeAsync(string image, long backingBytes, CancellationToken cancellationToken)
    {
        // What is fresh and reads as zeros needs no zeroing, now or by the kernel later. e2fsprogs before 1.47 cannot be told.
        string zeroed = isOnDevice ? "lazy_itable_init=1,lazy_journal_init=0,stride=512,stripe_width=512" : s_isPrezeroedUnknown ? "lazy_itable_init=1,lazy_journal_init=1" : "assume_storage_prezeroed=1";
        string[] arguments =
        [
            "-q", "-F", "-b", $"{BlockBytes}", "-I", $"{InodeBytes}", "-i", $"{BytesPerInode}", "-m", "0", "-J", $"size={JournalBytes(backingBytes) >> 20}",
            "-O", Features, "-E", $"nodiscard,{zeroed}", image,
        ];
        (int exitCode, string output) = await ToolRunner.RunAsync("mkfs.ext4", "e2fsprogs", arguments, cancellationToken);
        if (exitCode != 0 && !s_isPrezeroedUnknown && output.Contains("assume_storage_prezeroed", StringComparison.Ordinal))
        {
            s_isPrezeroedUnknown = true;
            await MakeAsync(image, backingBytes, cancellationToken);
        }
        else if (exitCode != 0)
        {
            throw new StorageException(StorageErrorKind.Internal, $"mkfs.ext4 {string.Join(' ', arguments)} ended with exit code {exitCode}: {output}");
        }
    }

    /// <summary>Free blocks of the superblock (at byte 1024) less what the kernel keeps for itself.</summary>
    public override long ReadUsableBytes(string image)
    {
        byte[] superblock = new byte[1024];
        using SafeFileHandle file = File.OpenHandle(image, share: FileShare.ReadWrite);
        if (RandomAccess.Read(file, superblock, 1024) != superblock.Length || BinaryPrimitives.ReadUInt16LittleEndian(superblock.AsSpan(0x38)) != 0xEF53)
            throw new StorageException(StorageErrorKind.DataLoss, $"{image} holds no ext4 file system");
        long blocks = BinaryPrimitives.ReadUInt32LittleEndian(superblock.AsSpan(0x4)) | ((long)BinaryPrimitives.ReadUInt32LittleEndian(superblock.AsSpan(0x150)) << 32);
        long free = BinaryPrimitives.ReadUInt32LittleEndian(superblock.AsSpan(0xC)) | ((long)BinaryPrimitives.ReadUInt32LittleEndian(superblock.AsSpan(0x158)) << 32);
        return (free - ReservedByKernel(blocks)) * BlockBytes;
    }

    /// <summary>Grows the file system on an image that is mounted nowhere to the image's size. Repeatable at any point.</summary>
    public static async Task GrowOfflineAsync(string image, CancellationToken cancellationToken)
    {
        // resize2fs wants a file system that was checked since its last mount; -p repairs what is safe and replays the journal.
        (int exitCode, string output) = await ToolRunner.RunAsync("e2fsck", "e2fsprogs", ["-f", "-p", image], cancellationToken);
        if (exitCode is not (0 or 1))
            throw new StorageException(StorageErrorKind.DataLoss, $"the ext4 in {image} is damaged (e2fsck exit code {exitCode}: {output}): repair it with e2fsck or restore a snapshot");
        await ToolRunner.RunOrThrowAsync("resize2fs", "e2fsprogs", [image], cancellationToken);
    }

    /// <summary>The journal grows with the file system, without jumps: a larger image must never offer less than a smaller one.</summary>
    private static long JournalBytes(long backingBytes) => Math.Clamp(backingBytes / 64 >> 20, 4, 128) << 20;

    /// <summary>ext4_calculate_overhead's reserve: 2 % of the blocks, 4096 at most.</summary>
    private static long ReservedByKernel(long blocks) => Math.Min(blocks / 50, 4096);

    /// <summary>A last group too small for its own tables is left unused.</summary>
    private static long WholeGroupBlocks(long blocks)
    {
        long rest = blocks % GroupBlocks;
        long needed = 3 + TableBlocksPerGroup(blocks) + BackupBlocks(blocks) + 50;
        return blocks > GroupBlocks && rest > 0 && rest < needed ? blocks - rest : blocks;
    }

    private static long MetadataBlocks(long blocks)
    {
        long groups = Groups(blocks);
        // sparse_super: copies in groups 0, 1 and the powers of 3, 5 and 7.
        long backups = Math.Min(groups, 2) + PowersBelow(3, groups) + PowersBelow(5, groups) + PowersBelow(7, groups);
        return (groups * (2 + TableBlocksPerGroup(blocks))) + (backups * BackupBlocks(blocks));
    }

    private static long TableBlocksPerGroup(long blocks)
    {
        const int InodesPerBlock = BlockBytes / InodeBytes;
        long groups = Groups(blocks);
        long inodesPerGroup = CeilingOf(CeilingOf(blocks * BlockBytes, BytesPerInode), groups);
        return CeilingOf(inodesPerGroup, InodesPerBlock);
    }

    /// <summary>Superblock, group descriptors, and those kept for growth to 1024 times the size.</summary>
    private static long BackupBlocks(long blocks)
    {
        long descriptors = CeilingOf(Groups(blocks), DescriptorsPerBlock);
        long grown = CeilingOf(Groups(Math.Min(blocks * 1024, uint.MaxValue)), DescriptorsPerBlock);
        return 1 + descriptors + Math.Min(grown, LargestReservedDescriptorBlocks);
    }

    private static long Groups(long blocks) => CeilingOf(blocks, GroupBlocks);

    private static long CeilingOf(long value, long divisor) => (value + divisor - 1) / divisor;

    private static int PowersBelow(long radix, long end)
    {
        int count = 0;
        for (long power = radix; power < end; power *= radix)
            count++;
        return count;
    }
}
