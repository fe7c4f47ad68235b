using Cscm.Storage.Linux;
using Microsoft.Win32.SafeHandles;

namespace Cscm.Storage.Pools;

/// <summary>Finds the runs in which two images differ. Reads only what at least one of them holds as data.</summary>
internal static class ImageComparer
{
    private const int BlockBytes = 64 << 10;

    public static IEnumerable<BlockExtent> Compare(SafeFileHandle from, SafeFileHandle to, long startingOffsetBytes)
    {
        byte[] fromBlock = new byte[BlockBytes], toBlock = new byte[BlockBytes];
        long runStart = -1, runEnd = -1;
        foreach (long offset in DataBlocks(from, to, startingOffsetBytes))
        {
            int length = Math.Max(ReadZeroPadded(from, fromBlock, offset), ReadZeroPadded(to, toBlock, offset));
            if (fromBlock.AsSpan().SequenceEqual(toBlock))
                continue;
            if (runStart >= 0 && offset != runEnd)
                yield return new BlockExtent(runStart, runEnd - runStart);
            if (runStart < 0 || offset != runEnd)
                runStart = offset;
            runEnd = offset + length;
        }
        if (runStart >= 0)
            yield return new BlockExtent(runStart, runEnd - runStart);
    }

    /// <summary>Offsets of the blocks that either file holds data in, ascending, each once.</summary>
    private static IEnumerable<long> DataBlocks(SafeFileHandle from, SafeFileHandle to, long startingOffsetBytes)
    {
        using IEnumerator<long> a = BlocksOf(from, startingOffsetBytes).GetEnumerator();
        using IEnumerator<long> b = BlocksOf(to, startingOffsetBytes).GetEnumerator();
        bool hasA = a.MoveNext(), hasB = b.MoveNext();
        while (hasA || hasB)
        {
            long next = !hasB || (hasA && a.Current <= b.Current) ? a.Current : b.Current;
            yield return next;
            while (hasA && a.Current <= next)
                hasA = a.MoveNext();
            while (hasB && b.Current <= next)
                hasB = b.MoveNext();
        }
    }

    private static IEnumerable<long> BlocksOf(SafeFileHandle file, long startingOffsetBytes)
    {
        long next = startingOffsetBytes / BlockBytes * BlockBytes;
        foreach (BlockExtent extent in Files.ReadDataExtents(file, startingOffsetBytes))
        {
            next = Math.Max(next, extent.OffsetBytes / BlockBytes * BlockBytes);
            for (; next < extent.OffsetBytes + extent.SizeBytes; next += BlockBytes)
                yield return next;
        }
    }

    /// <summary>Reads a block; what lies behind the end of the file counts as zeros.</summary>
    private static int ReadZeroPadded(SafeFileHandle file, byte[] block, long offset)
    {
        int length = 0;
        for (int read; length < block.Length && (read = RandomAccess.Read(file, block.AsSpan(length), offset + length)) > 0;)
            length += read;
        block.AsSpan(length).Clear();
        return length;
    }
}
