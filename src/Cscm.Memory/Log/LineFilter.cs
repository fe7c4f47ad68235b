using System.Runtime.CompilerServices;
using Cscm.Memory.Medium;

namespace Cscm.Memory.Log;

/// <summary>
/// The lines that one checkpoint has written back lately: many records change the same ones, and one write-back, after all of them were
/// applied, does for all. Forgets what collides. Used by one thread at a time.
/// </summary>
internal sealed unsafe class LineFilter
{
    private const int Places = 4096;
    private const int LineShift = 6;
    private readonly nuint[] _lines = new nuint[Places];

    public void Clear() => Array.Clear(_lines);

    /// <summary>Starts the write-back of the range, but for lines that had theirs.</summary>
    public void WriteBack(MediumPort medium, PersistSite site, byte* start, long lengthBytes)
    {
        for (nuint line = (nuint)start >> LineShift, last = (nuint)(start + lengthBytes - 1) >> LineShift; line <= last; line++)
        {
            if (IsFirst(line))
            {
                medium.WriteBack(site, (byte*)(line << LineShift), CacheLines.Size);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool IsFirst(nuint line)
    {
        ref nuint place = ref _lines[(int)(line & (Places - 1))];
        bool isFirst = place != line;
        place = line;
        return isFirst;
    }
}
