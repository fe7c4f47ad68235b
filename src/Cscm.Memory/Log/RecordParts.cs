using Cscm.Memory.Media;
using Cscm.Memory.Medium;

namespace Cscm.Memory.Log;

/// <summary>Where the entries of a record are: behind its header, or, in whole entries, in the pieces of an overflow.</summary>
internal static unsafe class RecordParts
{
    public static int Count(LogRecord* record) =>
        record->BareKind == LogRecordKind.Overflow ? (int)((record->LengthBytes - LogRecord.Size) / OverflowPiece.Size) : 1;

    public static void Get(byte* heap, LogRecord* record, int index, out byte* start, out byte* end)
    {
        if (record->BareKind == LogRecordKind.Overflow)
        {
            OverflowPiece* piece = Pieces(record) + index;
            start = heap + piece->Offset;
            end = start + piece->LengthBytes;
        }
        else
        {
            start = (byte*)record + LogRecord.Size;
            end = (byte*)record + record->LengthBytes;
        }
    }

    public static OverflowPiece* Pieces(LogRecord* record) => (OverflowPiece*)((byte*)record + LogRecord.Size);

    /// <summary>Whether the pieces are what the record says: they are made durable under the same fence, hence may be torn.</summary>
    public static bool ArePiecesIntact(MediumPort medium, long heapBytes, ulong salt, LogRecord* record)
    {
        for (int i = 0; i < Count(record); i++)
        {
            OverflowPiece piece = Pieces(record)[i];
            if (piece.Offset <= 0 || piece.LengthBytes <= 0 || piece.LengthBytes % sizeof(ulong) != 0 || piece.Offset > heapBytes - piece.LengthBytes)
            {
                return false;
            }

            if (medium.Keeps(PersistSite.ChecksumOverflow) &&
                MediaHash.Compute(medium.Start + piece.Offset, piece.LengthBytes, salt) != piece.Checksum)
            {
                return false;
            }
        }

        return true;
    }
}
