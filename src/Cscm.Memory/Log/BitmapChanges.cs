using Cscm.Memory.Media;
using Cscm.Memory.Medium;

namespace Cscm.Memory.Log;

/// <summary>
/// Brings the bits that records set and clear into the bitmaps at home, at the checkpoint that these records leave the log by: until then only
/// the log and the volatile runs have them, so that no commit waits for an interlocked instruction behind its fence (docs/decisions/0023). Bits are
/// turned over, not set: lanes come one after the other, and a block's allocation may be met after its release. Used by one thread at a time.
/// </summary>
internal sealed unsafe class BitmapChanges
{
    private readonly LineFilter _noted = new();
    private readonly List<nint> _lines = [];

    public void TurnOver(MediumPort medium, ChunkHeader* header, int index, ulong salt)
    {
        ulong* word = LogEntries.BitmapWord(header, index);
        ulong mask = 1UL << (index & 63);
        ulong changed = *word ^ mask;
        ulong mix = MediaHash.Mix((ulong)index, salt);
        medium.Store(PersistSite.StoreHome, (byte*)word, changed);
        medium.Store(PersistSite.StoreHome, (byte*)&header->BitmapSum, header->BitmapSum + ((changed & mask) != 0 ? mix : 0 - mix));
        Note((byte*)word);
        Note((byte*)&header->BitmapSum);
    }

    /// <summary>Starts the write-back of the lines, after all their changes, and forgets them.</summary>
    public void WriteBack(MediumPort medium, PersistSite site)
    {
        foreach (nint line in _lines)
        {
            medium.WriteBack(site, (byte*)line, CacheLines.Size);
        }

        _lines.Clear();
        _noted.Clear();
    }

    private void Note(byte* word)
    {
        if (_noted.IsFirst((nuint)word / CacheLines.Size))
        {
            _lines.Add((nint)word & -CacheLines.Size);
        }
    }
}
