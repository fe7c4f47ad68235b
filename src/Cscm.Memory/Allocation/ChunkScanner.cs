using System.Numerics;
using Cscm.Memory.Log;
using Cscm.Memory.Media;
using Cscm.Memory.Medium;

namespace Cscm.Memory.Allocation;

/// <summary>Reads the chunk headers: verifies them and rebuilds the volatile allocator from them.</summary>
internal static unsafe class ChunkScanner
{
    private const int WordBits = 64;

    /// <summary>Fills an empty allocator. Throws <see cref="ScmCorruptionException"/> where a header contradicts itself.</summary>
    public static void Rebuild(HeapCore core)
    {
        HeapGeometry geometry = core.Geometry;
        foreach (HeapGeometry.Region region in geometry.Regions)
        {
            int end = region.FirstChunk + (int)region.ChunkCount;
            int freeFrom = region.FirstChunk;
            for (int chunk = region.FirstChunk; chunk < end;)
            {
                long headerOffset = geometry.HeaderOffsetOf(chunk);
                var header = (ChunkHeader*)(core.Start + headerOffset);
                ChunkDescriptor descriptor = Verify(core, chunk, header, headerOffset, end - chunk);
                if (descriptor.Kind == ChunkKind.None || !HasBits(header, descriptor))
                {
                    chunk++;
                    continue;
                }

                core.Allocator.AdoptFree(freeFrom, chunk - freeFrom);
                int sizeClass = descriptor.Kind == ChunkKind.Extent ? Run.ExtentClass : descriptor.SizeClass;
                var run = new Run(sizeClass, chunk, descriptor.ChunkCount, geometry.DataOffsetOf(chunk), headerOffset, isFree: false);
                core.Allocator.AdoptRun(run, LogEntries.BitmapStart(header));
                chunk += descriptor.ChunkCount;
                freeFrom = chunk;
            }

            core.Allocator.AdoptFree(freeFrom, end - freeFrom);
        }
    }

    /// <summary>After replay, which may have repeated half of a change: the sum follows the bits.</summary>
    public static void RestoreSum(HeapCore core, long headerOffset)
    {
        var header = (ChunkHeader*)(core.Start + headerOffset);
        byte* sum = (byte*)&header->BitmapSum;
        core.Medium.Store(PersistSite.StoreHome, sum, SumOf(header, core.Salt));
        core.Medium.WriteBack(PersistSite.WriteBackRecoveredHomes, sum, sizeof(ulong));
    }

    public static int BlockCount(ChunkDescriptor descriptor) =>
        descriptor.Kind == ChunkKind.Extent ? 1 : SizeClasses.BlocksPerRun(descriptor.SizeClass);

    public static long BlockBytes(ChunkDescriptor descriptor) =>
        descriptor.Kind == ChunkKind.Extent ? descriptor.ChunkCount * MediaLayout.ChunkBytes : SizeClasses.SizeOf(descriptor.SizeClass);

    /// <summary>Every block whose bit is set.</summary>
    public static List<(long Offset, long SizeBytes)> AllocatedBlocks(HeapCore core)
    {
        var blocks = new List<(long Offset, long SizeBytes)>();
        foreach (HeapGeometry.Region region in core.Geometry.Regions)
        {
            int end = region.FirstChunk + (int)region.ChunkCount;
            for (int chunk = region.FirstChunk; chunk < end;)
            {
                var header = (ChunkHeader*)(core.Start + core.Geometry.HeaderOffsetOf(chunk));
                ChunkDescriptor descriptor = ChunkDescriptor.Unpack(header->Descriptor);
                if (descriptor.Kind == ChunkKind.None || !HasBits(header, descriptor))
                {
                    chunk++;
                    continue;
                }

                for (int i = 0; i < BlockCount(descriptor); i++)
                {
                    if (LogEntries.IsSet(header, i))
                    {
                        blocks.Add((core.Geometry.DataOffsetOf(chunk) + (i * BlockBytes(descriptor)), BlockBytes(descriptor)));
                    }
                }

                chunk += descriptor.ChunkCount;
            }
        }

        return blocks;
    }

    /// <summary>Chunks of a region in runs and in extents.</summary>
    public static (long Runs, long Extents) CountChunks(HeapCore core, HeapGeometry.Region region)
    {
        (long runs, long extents) = (0, 0);
        for (int chunk = 0; chunk < region.ChunkCount;)
        {
            var header = (ChunkHeader*)(core.Start + core.Geometry.HeaderOffsetOf(region.FirstChunk + chunk));
            ChunkDescriptor descriptor = ChunkDescriptor.Unpack(header->Descriptor);
            if (descriptor.Kind == ChunkKind.None || !HasBits(header, descriptor))
            {
                chunk++;
                continue;
            }

            runs += descriptor.Kind == ChunkKind.Run ? descriptor.ChunkCount : 0;
            extents += descriptor.Kind == ChunkKind.Extent ? descriptor.ChunkCount : 0;
            chunk += descriptor.ChunkCount;
        }

        return (runs, extents);
    }

    /// <summary>Lists what <see cref="Rebuild"/> would refuse, and damage it would silently repair.</summary>
    public static void Check(HeapCore core, List<string> problems)
    {
        for (int chunk = 0; chunk < core.Geometry.ChunkCount; chunk++)
        {
            long headerOffset = core.Geometry.HeaderOffsetOf(chunk);
            var header = (ChunkHeader*)(core.Start + headerOffset);
            ulong* mirror = (ulong*)(core.Start + core.Geometry.MirrorOffsetOf(chunk));
            if (header->DescriptorChecksum != ChunkDescriptor.Checksum(header->Descriptor, headerOffset, core.Salt) ||
                mirror[0] != header->Descriptor || mirror[1] != header->DescriptorChecksum)
            {
                problems.Add($"a descriptor of chunk {chunk} at 0x{headerOffset:x} is damaged");
            }

            if (header->BitmapSum != SumOf(header, core.Salt))
            {
                problems.Add($"the allocation bitmap of chunk {chunk} at 0x{headerOffset:x} fails its checksum");
            }
        }
    }

    private static ChunkDescriptor Verify(HeapCore core, int chunk, ChunkHeader* header, long headerOffset, int room)
    {
        if (!core.Medium.Keeps(PersistSite.ChecksumChunk))
        {
            return ChunkDescriptor.Unpack(header->Descriptor);
        }

        ulong* mirror = (ulong*)(core.Start + core.Geometry.MirrorOffsetOf(chunk));
        bool isMirrorIntact = mirror[1] == ChunkDescriptor.Checksum(mirror[0], headerOffset, core.Salt);
        if (header->DescriptorChecksum != ChunkDescriptor.Checksum(header->Descriptor, headerOffset, core.Salt))
        {
            if (!isMirrorIntact)
            {
                throw core.Corrupt(headerOffset, $"both descriptors of chunk {chunk} are damaged", "Restore the heap from a backup");
            }

            RestoreFromMirror(core, header, mirror);
        }
        else if (isMirrorIntact && mirror[0] != header->Descriptor)
        {
            // Every change writes both: one of them was zeroed, or swapped, by something else.
            throw core.Corrupt(headerOffset, $"the two descriptors of chunk {chunk} differ", "Restore the heap from a backup");
        }

        if (header->BitmapSum != SumOf(header, core.Salt))
        {
            throw core.Corrupt(headerOffset, $"the allocation bitmap of chunk {chunk} fails its checksum", "Restore the heap from a backup");
        }

        ChunkDescriptor descriptor = ChunkDescriptor.Unpack(header->Descriptor);
        bool isKnown = descriptor.Kind switch
        {
            ChunkKind.None => header->Descriptor == 0 && !AnyBit(header, ChunkHeader.MaxBlocks),
            ChunkKind.Run => descriptor.SizeClass < SizeClasses.Count && descriptor.ChunkCount == SizeClasses.ChunksPerRun(descriptor.SizeClass),
            ChunkKind.Extent => descriptor.ChunkCount > 0,
            _ => false,
        };
        if (!isKnown || (descriptor.ChunkCount > room && AnyBit(header, ChunkHeader.MaxBlocks)))
        {
            throw core.Corrupt(headerOffset, $"chunk {chunk} has an impossible descriptor", "Restore the heap from a backup");
        }

        return descriptor;
    }

    private static void RestoreFromMirror(HeapCore core, ChunkHeader* header, ulong* mirror)
    {
        core.Medium.Store(PersistSite.StoreHome, (byte*)&header->Descriptor, mirror[0]);
        core.Medium.Store(PersistSite.StoreHome, (byte*)&header->DescriptorChecksum, mirror[1]);
        core.Medium.WriteBack(PersistSite.WriteBackRecoveredHomes, (byte*)header, 2 * sizeof(ulong));
    }

    private static bool HasBits(ChunkHeader* header, ChunkDescriptor descriptor) => AnyBit(header, BlockCount(descriptor));

    private static bool AnyBit(ChunkHeader* header, int bits) =>
        new ReadOnlySpan<ulong>(LogEntries.BitmapStart(header), (bits + WordBits - 1) / WordBits).ContainsAnyExcept(0UL);

    private static ulong SumOf(ChunkHeader* header, ulong salt)
    {
        ulong sum = 0;
        ulong* words = LogEntries.BitmapStart(header);
        for (int i = 0; i < ChunkHeader.MaxBlocks / WordBits; i++)
        {
            for (ulong bits = words[i]; bits != 0; bits &= bits - 1)
            {
                sum += MediaHash.Mix((ulong)((i * WordBits) + BitOperations.TrailingZeroCount(bits)), salt);
            }
        }

        return sum;
    }
}
