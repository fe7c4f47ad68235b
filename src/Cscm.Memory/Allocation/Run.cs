using System.Numerics;
using System.Runtime.CompilerServices;
using Cscm.Memory.Media;

namespace Cscm.Memory.Allocation;

/// <summary>
/// The volatile side of a run of equal blocks, or of an extent (one block). A block is free here when nobody holds it: no
/// transaction, no thread's cache, no quarantine. Guarded by its bin's lock.
/// </summary>
internal sealed class Run
{
    public const int ExtentClass = 255;
    private readonly ulong[] _free;
    private readonly ulong[] _allocated;
    private int _firstWord;

    public Run(int sizeClass, int firstChunk, int chunkCount, long dataOffset, long headerOffset, bool isFree)
    {
        SizeClass = sizeClass;
        FirstChunk = firstChunk;
        ChunkCount = chunkCount;
        DataOffset = dataOffset;
        HeaderOffset = headerOffset;
        bool extent = sizeClass == ExtentClass;
        BlockBytes = extent ? chunkCount * MediaLayout.ChunkBytes : SizeClasses.SizeOf(sizeClass);
        BlockCount = extent ? 1 : SizeClasses.BlocksPerRun(sizeClass);
        _free = new ulong[(BlockCount + 63) / 64];
        _allocated = new ulong[_free.Length];
        if (isFree)
        {
            for (int i = 0; i < BlockCount; i++)
            {
                _free[i >> 6] |= 1UL << (i & 63);
            }

            FreeCount = BlockCount;
        }
    }

    public int SizeClass { get; }

    public bool IsExtent => SizeClass == ExtentClass;

    public int FirstChunk { get; }

    public int ChunkCount { get; }

    public long DataOffset { get; }

    public long HeaderOffset { get; }

    public long BlockBytes { get; }

    public int BlockCount { get; }

    public int FreeCount { get; private set; }

    /// <summary>A durable record holds this run's descriptor; until then every transaction that allocates here carries it.</summary>
    public bool IsDescribed { get; set; }

    /// <summary>Neighbours in the bin's list of runs with free blocks.</summary>
    public Run? Next { get; set; }

    public Run? Previous { get; set; }

    public ulong Descriptor =>
        new ChunkDescriptor(IsExtent ? ChunkKind.Extent : ChunkKind.Run, IsExtent ? 0 : SizeClass, ChunkCount).Packed;

    public long OffsetOf(int index) => DataOffset + (index * BlockBytes);

    /// <summary>Whether the block is allocated by a transaction that has committed, or is about to: what the bitmap at home says after the next checkpoint. Any thread.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool IsAllocated(int index) => (Volatile.Read(ref _allocated[index >> 6]) & (1UL << (index & 63))) != 0;

    /// <summary>Whether nobody holds the block. Exact for a block that the caller holds; for others, what it was a moment ago.</summary>
    public bool IsFree(int index) => (Volatile.Read(ref _free[index >> 6]) & (1UL << (index & 63))) != 0;

    /// <summary>Other threads change other bits of the same word at the same time, nobody else this one.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void SetAllocated(int index, bool isAllocated)
    {
        ref ulong word = ref _allocated[index >> 6];
        ulong mask = 1UL << (index & 63);
        if (isAllocated)
        {
            Interlocked.Or(ref word, mask);
        }
        else
        {
            Interlocked.And(ref word, ~mask);
        }
    }

    public int Take()
    {
        while (_free[_firstWord] == 0)
        {
            _firstWord++;
        }

        int bit = BitOperations.TrailingZeroCount(_free[_firstWord]);
        _free[_firstWord] &= _free[_firstWord] - 1;
        FreeCount--;
        return (_firstWord << 6) + bit;
    }

    public void Return(int index)
    {
        _free[index >> 6] |= 1UL << (index & 63);
        _firstWord = Math.Min(_firstWord, index >> 6);
        FreeCount++;
    }
}

/// <summary>One block: its run and its number there.</summary>
internal readonly record struct Block(Run Run, int Index)
{
    public long Offset => Run.DataOffset + (Index * Run.BlockBytes);

    public long SizeBytes => Run.BlockBytes;
}
