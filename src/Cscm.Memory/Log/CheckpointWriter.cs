using System.Runtime.InteropServices;
using Cscm.Memory.Media;
using Cscm.Memory.Medium;

namespace Cscm.Memory.Log;

/// <summary>Writes and reads the two checkpoint slots.</summary>
internal static unsafe class CheckpointWriter
{
    /// <summary>
    /// Writes one slot, makes it durable, then the other: at any moment one is valid, and either alone is enough. The second has a fence too:
    /// the next checkpoint may run on another thread, whose fences do not wait for this one's stores.
    /// </summary>
    public static void Write(MediumPort medium, ulong generation, ulong horizon, ReadOnlySpan<long> tails, ulong salt, PersistSite fence, ref long fenceCount)
    {
        byte* slotBytes = stackalloc byte[(int)MediaLayout.CheckpointBytes + CacheLines.Size];
        slotBytes = (byte*)(((nuint)slotBytes + CacheLines.Size - 1) & ~(nuint)(CacheLines.Size - 1));
        long length = CheckpointSlot.TailsAt + (tails.Length * sizeof(long));
        long padded = MediaLayout.AlignUp(length, CacheLines.Size);
        NativeMemory.Clear(slotBytes, (nuint)padded);
        var slot = (CheckpointSlot*)slotBytes;
        slot->Magic = CheckpointSlot.ExpectedMagic;
        slot->Generation = generation;
        slot->Horizon = horizon;
        slot->LaneCount = (ulong)tails.Length;
        tails.CopyTo(new Span<long>(slotBytes + CheckpointSlot.TailsAt, tails.Length));
        slot->Checksum = MediaHash.Compute(slotBytes, length, salt);
        // A failure may have left one slot torn or behind: the other is then the only one that counts, and is not to be touched first.
        bool isBBehind = Generation(medium, MediaLayout.CheckpointB, tails.Length, salt) < Generation(medium, MediaLayout.CheckpointA, tails.Length, salt);
        (long first, long second) = isBBehind ? (MediaLayout.CheckpointB, MediaLayout.CheckpointA) : (MediaLayout.CheckpointA, MediaLayout.CheckpointB);
        medium.Stream(PersistSite.StoreCheckpoint, medium.Start + first, slotBytes, padded);
        medium.Fence(fence, ref fenceCount, first, padded);
        medium.Stream(PersistSite.StoreCheckpoint, medium.Start + second, slotBytes, padded);
        medium.Fence(fence, ref fenceCount, second, padded);
    }

    /// <summary>The valid slot with the higher generation; false when neither is valid.</summary>
    public static bool TryRead(MediumPort medium, int laneCount, ulong salt, Span<long> tails, out CheckpointSlot best)
    {
        best = default;
        bool found = false;
        foreach (long offset in (ReadOnlySpan<long>)[MediaLayout.CheckpointA, MediaLayout.CheckpointB])
        {
            byte* start = medium.Start + offset;
            CheckpointSlot slot = *(CheckpointSlot*)start;
            if ((found && slot.Generation < best.Generation) || !IsValid(medium, start, laneCount, salt))
            {
                continue;
            }

            best = slot;
            found = true;
            new ReadOnlySpan<long>(start + CheckpointSlot.TailsAt, laneCount).CopyTo(tails);
        }

        return found;
    }

    /// <summary>−1 where the slot is not valid.</summary>
    private static long Generation(MediumPort medium, long offset, int laneCount, ulong salt) =>
        IsValid(medium, medium.Start + offset, laneCount, salt) ? (long)((CheckpointSlot*)(medium.Start + offset))->Generation : -1;

    private static bool IsValid(MediumPort medium, byte* start, int laneCount, ulong salt)
    {
        var slot = (CheckpointSlot*)start;
        return slot->Magic == CheckpointSlot.ExpectedMagic && slot->LaneCount == (ulong)laneCount && IsIntact(medium, start, laneCount, salt);
    }

    private static bool IsIntact(MediumPort medium, byte* start, int laneCount, ulong salt)
    {
        if (!medium.Keeps(PersistSite.ChecksumCheckpoint))
        {
            return true;
        }

        int length = CheckpointSlot.TailsAt + (laneCount * sizeof(long));
        byte* copy = stackalloc byte[length];
        Buffer.MemoryCopy(start, copy, length, length);
        ((CheckpointSlot*)copy)->Checksum = 0;
        return MediaHash.Compute(copy, length, salt) == ((CheckpointSlot*)start)->Checksum;
    }
}
