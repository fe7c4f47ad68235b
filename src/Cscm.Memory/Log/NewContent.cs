using Cscm.Memory.Media;
using Cscm.Memory.Medium;

namespace Cscm.Memory.Log;

/// <summary>
/// New blocks whose content is no part of the record: written in place, written back under the record's own fence, and vouched for by
/// checksums in the record. Only a record that nobody was promised can lack them, and that is the last of its lane (docs/decisions/0023).
/// </summary>
internal static unsafe class NewContent
{
    /// <summary>Of the entry for one block.</summary>
    public const int EntryBytes = 3 * sizeof(ulong);

    private const long PieceBytes = 4096;

    /// <summary>Starts the write-back of a new block's content (a multiple of 8 bytes), and returns its checksum.</summary>
    public static ulong WriteBack(MediumPort medium, byte* start, long lengthBytes, ulong salt)
    {
        medium.StoredUnseen(PersistSite.StoreNewBlock, start, lengthBytes);
        ulong checksum = salt;
        // The lines of a piece are on their way while it is summed.
        for (long at = 0; at < lengthBytes; at += PieceBytes)
        {
            long piece = Math.Min(PieceBytes, lengthBytes - at);
            medium.WriteBack(PersistSite.WriteBackNewBlock, start + at, piece);
            checksum = MediaHash.Compute(start + at, piece, checksum);
        }

        return checksum;
    }

    public static bool IsIn(HeapCore core, LogRecord* record)
    {
        for (int i = 0; i < RecordParts.Count(record); i++)
        {
            RecordParts.Get(core.Start, record, i, out byte* entry, out byte* end);
            while (entry < end)
            {
                if (TryGet(ref entry, out _, out _, out _))
                {
                    return true;
                }
            }
        }

        return false;
    }

    /// <summary>
    /// Whether the last record of a lane was finished: its new blocks hold what it says, or a later record writes to one of them, which only
    /// who had seen the transaction committed can have done. What arrived is made durable; replay does not write it again.
    /// </summary>
    public static bool IsProven(HeapCore core, LogRecord* record, List<(ulong Sequence, nint Record)> records)
    {
        if (!core.Medium.Keeps(PersistSite.ChecksumNewBlock))
        {
            return true;
        }

        bool isProven = true;
        for (int i = 0; i < RecordParts.Count(record) && isProven; i++)
        {
            RecordParts.Get(core.Start, record, i, out byte* entry, out byte* end);
            if (!LogEntries.AreSound(core.Geometry, entry, end))
            {
                // Replay reports it.
                return true;
            }

            while (entry < end && isProven)
            {
                if (TryGet(ref entry, out long offset, out long lengthBytes, out ulong checksum))
                {
                    core.Mapping.RequireReadable(offset, lengthBytes);
                    isProven = checksum == WriteBackAgain(core, offset, lengthBytes) || IsWrittenLater(core, record->Sequence, offset, lengthBytes, records);
                }
            }
        }

        return isProven;
    }

    private static ulong WriteBackAgain(HeapCore core, long offset, long lengthBytes)
    {
        ulong checksum = core.Salt;
        for (long at = 0; at < lengthBytes; at += PieceBytes)
        {
            long piece = Math.Min(PieceBytes, lengthBytes - at);
            core.Medium.WriteBack(PersistSite.WriteBackRecoveredHomes, core.Start + offset + at, piece);
            checksum = MediaHash.Compute(core.Start + offset + at, piece, checksum);
        }

        return checksum;
    }

    private static bool IsWrittenLater(HeapCore core, ulong sequence, long offset, long lengthBytes, List<(ulong Sequence, nint Record)> records)
    {
        if (!core.Medium.Keeps(PersistSite.ProofByLaterRecord))
        {
            return false;
        }

        foreach ((ulong later, nint address) in records)
        {
            var record = (LogRecord*)address;
            for (int i = 0; later > sequence && i < RecordParts.Count(record); i++)
            {
                RecordParts.Get(core.Start, record, i, out byte* entry, out byte* end);
                if (LogEntries.AreSound(core.Geometry, entry, end) && Writes(entry, end, offset, lengthBytes))
                {
                    return true;
                }
            }
        }

        return false;
    }

    private static bool Writes(byte* entry, byte* end, long offset, long lengthBytes)
    {
        while (entry < end)
        {
            if (LogEntries.TryGetWrite(ref entry, out long written, out _, out long writtenBytes) && written < offset + lengthBytes && offset < written + writtenBytes)
            {
                return true;
            }
        }

        return false;
    }

    private static bool TryGet(ref byte* entry, out long offset, out long lengthBytes, out ulong checksum)
    {
        ulong* words = (ulong*)entry;
        bool isContent = words[0] >> LogEntry.KindShift == LogEntry.Content;
        LogEntries.TryGetWrite(ref entry, out offset, out _, out lengthBytes);
        lengthBytes = isContent ? (long)words[1] : 0;
        checksum = isContent ? words[2] : 0;
        return isContent;
    }
}
