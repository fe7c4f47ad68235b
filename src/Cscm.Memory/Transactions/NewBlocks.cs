using Cscm.Memory.Allocation;

namespace Cscm.Memory.Transactions;

/// <summary>The blocks a transaction has allocated. A short list is searched; a long one has a set beside it. Used by one thread.</summary>
internal sealed class NewBlocks
{
    private const int Searched = 8;
    private readonly HashSet<Block> _set = [];
    private Block[] _blocks = new Block[16];
    private long[] _sizes = new long[16];
    private bool _hasExtents;

    public int Count { get; private set; }

    public ReadOnlySpan<Block> Blocks => new(_blocks, 0, Count);

    public long SizeBytes(int index) => _sizes[index];

    public void Add(in Block block, long sizeBytes)
    {
        if (Count == _blocks.Length)
        {
            Array.Resize(ref _blocks, 2 * Count);
            Array.Resize(ref _sizes, 2 * Count);
        }

        _blocks[Count] = block;
        _sizes[Count] = sizeBytes;
        Count++;
        _hasExtents |= block.Run.IsExtent;
        if (_set.Count > 0)
        {
            _set.Add(block);
        }
        else if (Count > Searched)
        {
            for (int i = 0; i < Count; i++)
            {
                _set.Add(_blocks[i]);
            }
        }
    }

    public bool Contains(in Block block)
    {
        if (_set.Count > 0)
        {
            return _set.Contains(block);
        }

        return Find(block) >= 0;
    }

    public bool Remove(in Block block)
    {
        if (Count == 0 || !Contains(block))
        {
            return false;
        }

        int index = Find(block);
        Count--;
        _blocks[index] = _blocks[Count];
        _sizes[index] = _sizes[Count];
        _blocks[Count] = default;
        _set.Remove(block);
        return true;
    }

    /// <summary>Whether the byte at this offset is in one of the blocks.</summary>
    public bool Holds(long offset, HeapAllocator allocator)
    {
        if (_set.Count > 0 && !_hasExtents)
        {
            return allocator.TryFindAround(offset, out Block around) && _set.Contains(around);
        }

        for (int i = Count - 1; i >= 0; i--)
        {
            long distance = offset - _blocks[i].Offset;
            if (distance >= 0 && distance < _blocks[i].SizeBytes)
            {
                return true;
            }
        }

        return false;
    }

    public void Clear()
    {
        Array.Clear(_blocks, 0, Count);
        Count = 0;
        _hasExtents = false;
        if (_set.Count > 0)
        {
            _set.Clear();
        }
    }

    private int Find(in Block block)
    {
        // The latest first: what was just allocated is what gets freed or written.
        for (int i = Count - 1; i >= 0; i--)
        {
            if (_blocks[i] == block)
            {
                return i;
            }
        }

        return -1;
    }
}
