using Cscm.Memory.Log;
using Cscm.Memory.Media;

namespace Cscm.Memory.Transactions;

/// <summary>Lets a transaction read its own staged writes.</summary>
internal static unsafe class StagedReader
{
    /// <summary>Copies the parts of [offset, offset + length) that the entries write into the target, in order.</summary>
    public static void Overlay(byte* entry, byte* end, long offset, byte* target, long lengthBytes)
    {
        while (entry < end)
        {
            ulong tag = *(ulong*)entry;
            long entryOffset = (long)(tag & LogEntry.OffsetMask);
            long entryBytes = (long)((tag >> LogEntry.ArgumentShift) & LogEntry.ArgumentMask);
            entry += sizeof(ulong);
            switch (tag >> LogEntry.KindShift)
            {
                case LogEntry.WriteLong:
                    entryBytes = *(long*)entry;
                    entry += sizeof(ulong);
                    break;
                case LogEntry.Write:
                    break;
                case LogEntry.Describe:
                    entry += sizeof(ulong);
                    continue;
                default:
                    continue;
            }

            long from = Math.Max(offset, entryOffset);
            long to = Math.Min(offset + lengthBytes, entryOffset + entryBytes);
            if (from < to)
            {
                Buffer.MemoryCopy(entry + (from - entryOffset), target + (from - offset), to - from, to - from);
            }

            entry += LogEntries.Padded(entryBytes);
        }
    }
}
