using System.Runtime.CompilerServices;
using Cscm.Memory.Media;

namespace Cscm.Memory.Allocation;

/// <summary>
/// Block sizes: multiples of 16 up to 128 bytes, then four per doubling up to 128 KiB, so that at most a fifth of a block beyond
/// 64 bytes is lost to rounding. Blocks up to 16 KiB are carved from one chunk, larger ones from eight. Part of the media format.
/// </summary>
internal static class SizeClasses
{
    public const long LargestBytes = 128 * 1024;
    private const long LargestInOneChunk = 16 * 1024;
    private const int LargeRunChunks = 8;
    private const int ReciprocalShift = 40;

    private static readonly int[] s_sizes = MakeSizes();
    private static readonly byte[] s_smallClasses = MakeSmallClasses();
    private static readonly ulong[] s_reciprocals = Array.ConvertAll(s_sizes, size => ((1UL << ReciprocalShift) / (ulong)size) + 1);

    public static int Count => s_sizes.Length;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int SizeOf(int sizeClass) => s_sizes[sizeClass];

    public static int ChunksPerRun(int sizeClass) => s_sizes[sizeClass] <= LargestInOneChunk ? 1 : LargeRunChunks;

    public static int BlocksPerRun(int sizeClass) =>
        (int)(ChunksPerRun(sizeClass) * MediaLayout.ChunkBytes / s_sizes[sizeClass]);

    /// <summary>The smallest class that holds this many bytes (1 … <see cref="LargestBytes"/>).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int ClassOf(long sizeBytes) =>
        sizeBytes <= 1024 ? s_smallClasses[(int)((sizeBytes + 15) >> 4)] : LargeClassOf(sizeBytes);

    /// <summary>The smallest class of at least this size whose blocks all start at multiples of the alignment; -1: none.</summary>
    public static int ClassOf(long sizeBytes, long alignment)
    {
        for (int i = ClassOf(sizeBytes); i < s_sizes.Length; i++)
        {
            if (s_sizes[i] % alignment == 0)
            {
                return i;
            }
        }

        return -1;
    }

    /// <summary>The number of the block that holds the byte at this distance from the start of its run.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int BlockAt(int sizeClass, long distance) => (int)(((ulong)distance * s_reciprocals[sizeClass]) >> ReciprocalShift);

    private static int LargeClassOf(long sizeBytes)
    {
        int low = s_smallClasses[64];
        while (s_sizes[low] < sizeBytes)
        {
            low++;
        }

        return low;
    }

    private static int[] MakeSizes()
    {
        var sizes = new List<int>();
        for (int size = 16; size <= 128; size += 16)
        {
            sizes.Add(size);
        }

        for (int octave = 128; octave < LargestBytes; octave *= 2)
        {
            for (int quarter = 1; quarter <= 4; quarter++)
            {
                sizes.Add(octave + (octave / 4 * quarter));
            }
        }

        return [.. sizes];
    }

    private static byte[] MakeSmallClasses()
    {
        var classes = new byte[65];
        int sizeClass = 0;
        for (int i = 0; i < classes.Length; i++)
        {
            while (s_sizes[sizeClass] < i * 16)
            {
                sizeClass++;
            }

            classes[i] = (byte)sizeClass;
        }

        return classes;
    }
}
