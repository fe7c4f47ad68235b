using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Cscm.Memory.Allocation;

namespace Cscm.Memory.Transactions;

/// <summary>A block that a transaction allocated.</summary>
[StructLayout(LayoutKind.Auto)]
internal struct NewBlock
{
    public Run Run;
    public int Index;

    /// <summary>False: nobody has written to it; its content is anything, and need not be kept.</summary>
    public bool IsWritten;

    /// <summary>As asked for.</summary>
    public long SizeBytes;

    public readonly Block Block => new(Run, Index);

    public readonly long Offset => Run.OffsetOf(Index);
}

/// <summary>The blocks a transaction has allocated. A short list is searched; a long one has an index beside it. Used by one thread.</summary>
internal sealed class NewBlocks
{
    private const int Searched = 8;
    private readonly Dictionary<Block, int> _index = [];
    private NewBlock[] _blocks = new NewBlock[16];
    private bool _hasExtents;

    public int Count { get; private set; }

    public ReadOnlySpan<NewBlock> Blocks
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => new(_blocks, 0, Count);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Add(in Block block, long sizeBytes, bool isWritten)
    {
        int count = Count;
        if ((uint)count >= (uint)_blocks.Length)
        {
            Array.Resize(ref _blocks, 2 * count);
        }

        ref NewBlock place = ref _blocks[count];
        if (!ReferenceEquals(place.Run, block.Run))
        {
            // Mostly it is the one of the last transaction: no store of a reference then.
            place.Run = block.Run;
        }

        place.Index = block.Index;
        place.SizeBytes = sizeBytes;
        place.IsWritten = isWritten;
        Count = count + 1;
        _hasExtents |= block.Run.IsExtent;
        if (count >= Searched || _index.Count > 0)
        {
            Index();
        }
    }

    public bool Contains(in Block block) => Find(block) >= 0;

    public bool Remove(in Block block)
    {
        int index = Count == 0 ? -1 : Find(block);
        if (index < 0)
        {
            return false;
        }

        Count--;
        _index.Remove(block);
        if (index < Count)
        {
            _blocks[index] = _blocks[Count];
            if (_index.Count > 0)
            {
                _index[_blocks[index].Block] = index;
            }
        }

        return true;
    }

    /// <summary>Whether the byte at this offset is in one of the blocks.</summary>
    public bool Holds(long offset, HeapAllocator allocator) => FindAround(offset, allocator) >= 0;

    /// <summary>The same, by who then writes there.</summary>
    public bool HoldsForWriting(long offset, HeapAllocator allocator)
    {
        int index = FindAround(offset, allocator);
        if (index < 0)
        {
            return false;
        }

        _blocks[index].IsWritten = true;
        return true;
    }

    public void Clear()
    {
        if (Count > Searched)
        {
            // The few others may hold on to their runs.
            Array.Clear(_blocks, 0, Count);
        }

        Count = 0;
        _hasExtents = false;
        if (_index.Count > 0)
        {
            _index.Clear();
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Index()
    {
        // Those that were added while the list was short are not there yet.
        for (int i = _index.Count == 0 ? 0 : Count - 1; i < Count; i++)
        {
            _index[_blocks[i].Block] = i;
        }
    }

    private int FindAround(long offset, HeapAllocator allocator)
    {
        if (_index.Count == Count && !_hasExtents)
        {
            return allocator.TryFindAround(offset, out Block around) && _index.TryGetValue(around, out int index) ? index : -1;
        }

        ReadOnlySpan<NewBlock> blocks = Blocks;
        for (int i = blocks.Length - 1; i >= 0; i--)
        {
            long distance = offset - blocks[i].Offset;
            if (distance >= 0 && distance < blocks[i].Run.BlockBytes)
            {
                return i;
            }
        }

        return -1;
    }

    private int Find(in Block block)
    {
        if (_index.Count == Count)
        {
            return _index.TryGetValue(block, out int index) ? index : -1;
        }

        // The latest first: what was just allocated is what gets freed or written.
        ReadOnlySpan<NewBlock> blocks = Blocks;
        for (int i = blocks.Length - 1; i >= 0; i--)
        {
            if (blocks[i].Block == block)
            {
                return i;
            }
        }

        return -1;
    }
}
