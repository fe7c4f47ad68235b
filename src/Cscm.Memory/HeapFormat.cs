using System.Runtime.CompilerServices;
using Cscm.Memory.Log;
using Cscm.Memory.Media;
using Cscm.Memory.Medium;

namespace Cscm.Memory;

/// <summary>Writes a fresh heap, and reads the superblock of an old one.</summary>
internal static unsafe class HeapFormat
{
    /// <summary>Lays the heap out. The superblock comes last: until then there is no heap.</summary>
    public static void Create(string name, MediumPort medium, long sizeBytes, ScmHeapOptions options)
    {
        byte* start = medium.Start;
        long laneBytes = LaneBytes(name, sizeBytes, options);
        long regionStart = MediaLayout.LogStart + (options.LaneCount * laneBytes);
        RegionRecord region = HeapGeometry.Plan(regionStart, sizeBytes);
        if (region.ChunkCount < 1)
        {
            throw new ScmOutOfSpaceException(name, $"{sizeBytes} bytes leave no room for data beside a log of {options.LaneCount * laneBytes} bytes", "Create a larger heap or a smaller log");
        }

        medium.Clear(PersistSite.StoreFormat, start, MediaLayout.LogStart);
        medium.Store(PersistSite.StoreFormat, start + MediaLayout.SuperblockA, MediaLayout.CreationMagic);
        medium.WriteBack(PersistSite.WriteBackFormat, start, MediaLayout.LogStart);
        ClearRegion(medium, region);
        var superblock = new Superblock
        {
            Magic = MediaLayout.Magic,
            MajorVersion = MediaLayout.MajorVersion,
            MinorVersion = MediaLayout.MinorVersion,
            IncompatibleFeatures = HeapFeatures.Known,
            HeapId = Guid.NewGuid(),
            Salt = RandomSalt(),
            Generation = 1,
            SizeBytes = sizeBytes,
            LogOffset = MediaLayout.LogStart,
            LaneBytes = laneBytes,
            LaneCount = options.LaneCount,
            RegionCount = 1,
            CreatedUnixSeconds = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds(),
        };
        medium.Fence(PersistSite.FenceFormat);
        long uncounted = 0;
        CheckpointWriter.Write(medium, 0, 0, new long[options.LaneCount], superblock.Salt, PersistSite.FenceFormat, ref uncounted);
        WriteSuperblock(medium, superblock, [region]);
    }

    /// <summary>Unlike RandomNumberGenerator, a Guid's randomness needs no OpenSSL, which slim containers lack. The halves' fixed bits do not overlap.</summary>
    private static ulong RandomSalt()
    {
        UInt128 bits = Unsafe.BitCast<Guid, UInt128>(Guid.NewGuid());
        return (ulong)bits ^ ulong.RotateLeft((ulong)(bits >> 64), 32);
    }

    public static void ClearRegion(MediumPort medium, in RegionRecord region)
    {
        long length = region.DataOffset - region.HeadersOffset;
        medium.Clear(PersistSite.StoreFormat, medium.Start + region.HeadersOffset, length);
        medium.WriteBack(PersistSite.WriteBackFormat, medium.Start + region.HeadersOffset, length);
    }

    /// <summary>Writes one copy, makes it durable, then the other: one of them is valid at any moment.</summary>
    public static void WriteSuperblock(MediumPort medium, Superblock superblock, ReadOnlySpan<RegionRecord> regions)
    {
        byte[] image = new byte[MediaLayout.SuperblockBytes + CacheLines.Size];
        superblock.RegionCount = regions.Length;
        fixed (byte* pinned = image)
        {
            byte* start = (byte*)(((nuint)pinned + CacheLines.Size - 1) & ~(nuint)(CacheLines.Size - 1));
            *(Superblock*)start = superblock;
            regions.CopyTo(new Span<RegionRecord>(start + Superblock.RegionsAt, regions.Length));
            *(ulong*)(start + Superblock.ChecksumAt) = MediaHash.Compute(start, Superblock.ChecksumAt, MediaLayout.Magic);
            medium.Stream(PersistSite.StoreSuperblock, medium.Start + MediaLayout.SuperblockB, start, MediaLayout.SuperblockBytes);
            medium.Fence(PersistSite.FenceSuperblock, MediaLayout.SuperblockB, MediaLayout.SuperblockBytes);
            medium.Stream(PersistSite.StoreSuperblock, medium.Start + MediaLayout.SuperblockA, start, MediaLayout.SuperblockBytes);
            medium.Fence(PersistSite.FenceSuperblock, MediaLayout.SuperblockA, MediaLayout.SuperblockBytes);
        }
    }

    /// <summary>The valid superblock of the higher generation.</summary>
    public static Superblock ReadSuperblock(MediumPort medium, long mappedBytes, out RegionRecord[] regions)
    {
        string name = medium.Name;
        if (mappedBytes < MediaLayout.MinHeapBytes)
        {
            throw new ScmMismatchException(name, 0, $"{mappedBytes} bytes are too few for a heap", "Create a heap here first");
        }

        Superblock* best = null;
        bool sawMagic = false;
        foreach (long offset in (ReadOnlySpan<long>)[MediaLayout.SuperblockA, MediaLayout.SuperblockB])
        {
            var candidate = (Superblock*)(medium.Start + offset);
            sawMagic |= candidate->Magic == MediaLayout.Magic;
            if (IsValid(medium, candidate) && (best == null || candidate->Generation > best->Generation))
            {
                best = candidate;
            }
        }

        if (best == null)
        {
            if (IsUnfinished(medium))
            {
                throw new ScmMismatchException(name, 0, "the creation of this heap was cut short", "Create it again: nothing had been promised yet");
            }

            throw sawMagic
                ? new ScmCorruptionException(name, 0, "both copies of the superblock are damaged", "Restore the heap from a backup")
                : new ScmMismatchException(name, 0, "this is not a heap", "Give the path of a heap, or create one");
        }

        Superblock superblock = *best;
        if (superblock.MajorVersion != MediaLayout.MajorVersion || (superblock.IncompatibleFeatures & ~HeapFeatures.Known) != 0)
        {
            throw new ScmMismatchException(
                name, 0, $"the heap has format {superblock.MajorVersion}.{superblock.MinorVersion} with features 0x{superblock.IncompatibleFeatures:x}, this library reads {MediaLayout.MajorVersion}",
                "Open it with a matching version of the library");
        }

        if (!IsPlausible(superblock))
        {
            throw new ScmCorruptionException(name, 0, "the superblock holds impossible values", "Restore the heap from a backup");
        }

        regions = new ReadOnlySpan<RegionRecord>((byte*)best + Superblock.RegionsAt, superblock.RegionCount).ToArray();
        if (superblock.SizeBytes > mappedBytes)
        {
            throw new ScmCorruptionException(
                name, superblock.SizeBytes, $"the heap is {superblock.SizeBytes} bytes, its file only {mappedBytes}", "Restore the file: it was truncated");
        }

        return superblock;
    }

    private static bool IsPlausible(in Superblock superblock) =>
        superblock.RegionCount is >= 1 and <= MediaLayout.MaxRegions &&
        superblock.LaneCount is >= 1 and <= MediaLayout.MaxLanes &&
        superblock.LaneBytes >= MediaLayout.MinLaneBytes && System.Numerics.BitOperations.IsPow2(superblock.LaneBytes) &&
        superblock.LogOffset > 0 && superblock.SizeBytes > 0 &&
        superblock.LaneBytes <= (superblock.SizeBytes - superblock.LogOffset) / superblock.LaneCount;

    /// <summary>The marker of a creation is there, and neither superblock was finished.</summary>
    public static bool IsUnfinished(MediumPort medium) =>
        ((Superblock*)(medium.Start + MediaLayout.SuperblockA))->Magic == MediaLayout.CreationMagic &&
        !IsValid(medium, (Superblock*)(medium.Start + MediaLayout.SuperblockB));

    public static bool HoldsHeap(MediumPort medium, long mappedBytes) =>
        mappedBytes >= MediaLayout.MinHeapBytes && !IsUnfinished(medium) &&
        (((Superblock*)(medium.Start + MediaLayout.SuperblockA))->Magic == MediaLayout.Magic ||
         ((Superblock*)(medium.Start + MediaLayout.SuperblockB))->Magic == MediaLayout.Magic);

    public static bool IsIntact(Superblock* copy) =>
        MediaHash.Compute((byte*)copy, Superblock.ChecksumAt, MediaLayout.Magic) == *(ulong*)((byte*)copy + Superblock.ChecksumAt);

    private static bool IsValid(MediumPort medium, Superblock* candidate)
    {
        if (candidate->Magic != MediaLayout.Magic)
        {
            return false;
        }

        return !medium.Keeps(PersistSite.ChecksumSuperblock) || IsIntact(candidate);
    }

    private static long LaneBytes(string name, long sizeBytes, ScmHeapOptions options)
    {
        if (sizeBytes < MediaLayout.MinHeapBytes || options.LaneCount is < 1 or > MediaLayout.MaxLanes || options.LogBytes < 0)
        {
            throw new ScmMisuseException(
                name, -1, $"a heap of {sizeBytes} bytes with {options.LaneCount} lanes and a log of {options.LogBytes} bytes cannot be made",
                $"Heaps have at least {MediaLayout.MinHeapBytes} bytes and 1 to {MediaLayout.MaxLanes} lanes");
        }

        long logBytes = options.LogBytes > 0 ? options.LogBytes : Math.Min(sizeBytes / 8, 64L << 20);
        long lane = Math.Max(MediaLayout.MinLaneBytes, logBytes / options.LaneCount);
        return 1L << System.Numerics.BitOperations.Log2((ulong)lane);
    }
}
