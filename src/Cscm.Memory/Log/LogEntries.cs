using System.Runtime.CompilerServices;
using Cscm.Memory.Media;
using Cscm.Memory.Medium;

namespace Cscm.Memory.Log;

/// <summary>Executes the entries of durable records on their home locations, or writes those back. Replay and commit share this code.</summary>
internal static unsafe class LogEntries
{
    /// <summary>
    /// Applies entries [entry, end) with cached stores. Idempotent. Bits of bitmaps only in replay: else the checkpoint does it (see <see cref="BitmapChanges"/>).
    /// </summary>
    public static void Apply(MediumPort medium, HeapGeometry geometry, ulong salt, byte* entry, byte* end, bool isReplay)
    {
        byte* heap = medium.Start;
        while (entry < end)
        {
            ulong tag = *(ulong*)entry;
            byte* home = heap + (tag & LogEntry.OffsetMask);
            ulong argument = (tag >> LogEntry.ArgumentShift) & LogEntry.ArgumentMask;
            entry += sizeof(ulong);
            // Words and pairs of words are most of what is written.
            const ulong writeOf = LogEntry.Write << (LogEntry.KindShift - LogEntry.ArgumentShift);
            if (tag >> LogEntry.ArgumentShift == (writeOf | sizeof(ulong)))
            {
                medium.Store(PersistSite.StoreHome, home, *(ulong*)entry);
                entry += sizeof(ulong);
                continue;
            }

            if (tag >> LogEntry.ArgumentShift == (writeOf | (2 * sizeof(ulong))))
            {
                medium.Store(PersistSite.StoreHome, home, *(ulong*)entry);
                medium.Store(PersistSite.StoreHome, home + sizeof(ulong), ((ulong*)entry)[1]);
                entry += 2 * sizeof(ulong);
                continue;
            }

            switch (tag >> LogEntry.KindShift)
            {
                case LogEntry.Write:
                    medium.Store(PersistSite.StoreHome, home, entry, (long)argument);
                    entry += Padded((long)argument);
                    break;
                case LogEntry.WriteLong:
                    long length = *(long*)entry;
                    medium.Store(PersistSite.StoreHome, home, entry + sizeof(ulong), length);
                    entry += sizeof(ulong) + Padded(length);
                    break;
                case LogEntry.SetBit:
                case LogEntry.ClearBit:
                    if (isReplay)
                    {
                        ReplayBit(medium, (ChunkHeader*)home, (int)argument, tag >> LogEntry.KindShift == LogEntry.SetBit);
                    }

                    break;
                case LogEntry.Content:
                    // It is there: recovery has looked, or a later record proves it.
                    entry += 2 * sizeof(ulong);
                    break;
                default:
                    Describe(medium, geometry, (long)(tag & LogEntry.OffsetMask), *(ulong*)entry, salt);
                    entry += sizeof(ulong);
                    break;
            }
        }
    }

    /// <summary>
    /// Starts the write-back of every home line the entries touch, but for those that the filter knows. Bits of bitmaps are changed here, and left to
    /// <paramref name="bits"/> to write back; null: they are changed already.
    /// </summary>
    public static void WriteBack(
        MediumPort medium, HeapGeometry geometry, ulong salt, PersistSite site, LineFilter filter, BitmapChanges? bits, byte* entry, byte* end)
    {
        byte* heap = medium.Start;
        while (entry < end)
        {
            ulong tag = *(ulong*)entry;
            long offset = (long)(tag & LogEntry.OffsetMask);
            byte* home = heap + offset;
            ulong argument = (tag >> LogEntry.ArgumentShift) & LogEntry.ArgumentMask;
            entry += sizeof(ulong);
            switch (tag >> LogEntry.KindShift)
            {
                case LogEntry.Write:
                    filter.WriteBack(medium, site, home, (long)argument);
                    entry += Padded((long)argument);
                    break;
                case LogEntry.WriteLong:
                    long length = *(long*)entry;
                    medium.WriteBack(site, home, length);
                    entry += sizeof(ulong) + Padded(length);
                    break;
                case LogEntry.SetBit:
                case LogEntry.ClearBit:
                    if (bits is not null)
                    {
                        bits.TurnOver(medium, (ChunkHeader*)home, (int)argument, salt);
                        break;
                    }

                    filter.WriteBack(medium, site, home, ChunkHeader.BitmapAt);
                    filter.WriteBack(medium, site, (byte*)BitmapWord((ChunkHeader*)home, (int)argument), sizeof(ulong));
                    break;
                case LogEntry.Content:
                    // Written back before the record's fence.
                    entry += 2 * sizeof(ulong);
                    break;
                default:
                    filter.WriteBack(medium, site, home, ChunkHeader.BitmapAt);
                    filter.WriteBack(medium, site, heap + geometry.MirrorOffsetOf(geometry.ChunkOfHeader(offset)), MediaLayout.ChunkMirrorBytes);
                    entry += sizeof(ulong);
                    break;
            }
        }
    }

    /// <summary>
    /// Whether the entries stay inside the heap and inside their record: what a valid checksum promises, checked before replay all the same.
    /// </summary>
    public static bool AreSound(HeapGeometry geometry, byte* entry, byte* end)
    {
        while (entry < end)
        {
            ulong tag = *(ulong*)entry;
            long offset = (long)(tag & LogEntry.OffsetMask);
            long argument = (long)((tag >> LogEntry.ArgumentShift) & LogEntry.ArgumentMask);
            entry += sizeof(ulong);
            long room = end - entry;
            switch (tag >> LogEntry.KindShift)
            {
                case LogEntry.Write:
                    if (argument == 0 || Padded(argument) > room || offset > geometry.SizeBytes - argument)
                    {
                        return false;
                    }

                    entry += Padded(argument);
                    break;
                case LogEntry.WriteLong:
                    long length = room < sizeof(ulong) ? 0 : *(long*)entry;
                    if (length <= 0 || length > room - sizeof(ulong) || Padded(length) > room - sizeof(ulong) || offset > geometry.SizeBytes - length)
                    {
                        return false;
                    }

                    entry += sizeof(ulong) + Padded(length);
                    break;
                case LogEntry.SetBit:
                case LogEntry.ClearBit:
                    if (geometry.ChunkOfHeader(offset) < 0)
                    {
                        return false;
                    }

                    break;
                case LogEntry.Content:
                    if (room < 2 * sizeof(ulong) || *(long*)entry is var content && (content <= 0 || content % sizeof(ulong) != 0 || offset > geometry.SizeBytes - content))
                    {
                        return false;
                    }

                    entry += 2 * sizeof(ulong);
                    break;
                case LogEntry.Describe:
                    if (geometry.ChunkOfHeader(offset) < 0 || room < sizeof(ulong))
                    {
                        return false;
                    }

                    entry += sizeof(ulong);
                    break;
                default:
                    return false;
            }
        }

        return true;
    }

    /// <summary>Moves to the next entry; true when this one writes bytes.</summary>
    public static bool TryGetWrite(ref byte* entry, out long offset, out byte* content, out long lengthBytes)
    {
        ulong tag = *(ulong*)entry;
        offset = (long)(tag & LogEntry.OffsetMask);
        lengthBytes = (long)((tag >> LogEntry.ArgumentShift) & LogEntry.ArgumentMask);
        entry += sizeof(ulong);
        content = entry;
        switch (tag >> LogEntry.KindShift)
        {
            case LogEntry.Write:
                entry += Padded(lengthBytes);
                return true;
            case LogEntry.WriteLong:
                lengthBytes = *(long*)entry;
                content = entry + sizeof(ulong);
                entry = content + Padded(lengthBytes);
                return true;
            case LogEntry.Describe:
                entry += sizeof(ulong);
                return false;
            case LogEntry.Content:
                entry += 2 * sizeof(ulong);
                return false;
            default:
                return false;
        }
    }

    /// <summary>The end of the last entry that ends within so many bytes from the start.</summary>
    public static byte* LastBoundary(byte* start, byte* end, long maxBytes)
    {
        byte* entry = start;
        byte* boundary = start;
        while (entry < end)
        {
            TryGetWrite(ref entry, out _, out _, out _);
            if (entry - start > maxBytes)
            {
                return boundary;
            }

            boundary = entry;
        }

        return boundary;
    }

    /// <summary>Collects the offsets of the chunk headers whose bitmaps the entries change.</summary>
    public static void NoteHeaders(byte* entry, byte* end, HashSet<long> headers)
    {
        while (entry < end)
        {
            ulong tag = *(ulong*)entry;
            ulong argument = (tag >> LogEntry.ArgumentShift) & LogEntry.ArgumentMask;
            entry += sizeof(ulong);
            switch (tag >> LogEntry.KindShift)
            {
                case LogEntry.Write:
                    entry += Padded((long)argument);
                    break;
                case LogEntry.WriteLong:
                    entry += sizeof(ulong) + Padded(*(long*)entry);
                    break;
                case LogEntry.Content:
                    entry += 2 * sizeof(ulong);
                    break;
                case LogEntry.Describe:
                    headers.Add((long)(tag & LogEntry.OffsetMask));
                    entry += sizeof(ulong);
                    break;
                default:
                    headers.Add((long)(tag & LogEntry.OffsetMask));
                    break;
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static long Padded(long lengthBytes) => (lengthBytes + 7) & ~7L;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong* BitmapWord(ChunkHeader* header, int index) => (ulong*)((byte*)header + ChunkHeader.BitmapAt) + (index >> 6);

    public static ulong* BitmapStart(ChunkHeader* header) => (ulong*)((byte*)header + ChunkHeader.BitmapAt);

    public static bool IsSet(ChunkHeader* header, int index) =>
        (*BitmapWord(header, index) & (1UL << (index & 63))) != 0;

    /// <summary>The sums follow at the end of recovery.</summary>
    private static void ReplayBit(MediumPort medium, ChunkHeader* header, int index, bool set)
    {
        ulong* word = BitmapWord(header, index);
        ulong mask = 1UL << (index & 63);
        medium.Store(PersistSite.StoreHome, (byte*)word, set ? *word | mask : *word & ~mask);
    }

    private static void Describe(MediumPort medium, HeapGeometry geometry, long headerOffset, ulong descriptor, ulong salt)
    {
        byte* primary = medium.Start + headerOffset;
        byte* mirror = medium.Start + geometry.MirrorOffsetOf(geometry.ChunkOfHeader(headerOffset));
        ulong checksum = ChunkDescriptor.Checksum(descriptor, headerOffset, salt);
        medium.Store(PersistSite.StoreHome, primary, descriptor);
        medium.Store(PersistSite.StoreHome, primary + sizeof(ulong), checksum);
        medium.Store(PersistSite.StoreHome, mirror, descriptor);
        medium.Store(PersistSite.StoreHome, mirror + sizeof(ulong), checksum);
    }
}
