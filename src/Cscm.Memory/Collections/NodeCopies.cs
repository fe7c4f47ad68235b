namespace Cscm.Memory.Collections;

/// <summary>
/// The nodes a transaction has changed, as it sees them, at addresses that do not move: later operations of the same transaction read
/// them instead of the committed ones. Memory is kept for the next transaction. Used under the tree's write lock.
/// </summary>
internal sealed unsafe class NodeCopies
{
    private const int ArenaBytes = 64 * 1024;
    private const int KeptArenas = 16;
    private readonly Dictionary<long, nint> _nodes = [];
    private readonly List<byte[]> _arenas = [];
    private int _arena;
    private int _used;

    public bool IsEmpty => _nodes.Count == 0;

    public bool TryGet(long offset, out byte* node)
    {
        bool found = _nodes.TryGetValue(offset, out nint address);
        node = (byte*)address;
        return found;
    }

    /// <summary>Registers a copy of a committed node.</summary>
    public byte* Add(long offset, byte* committed, int lengthBytes)
    {
        byte* copy = Take((lengthBytes + 63) & ~63);
        Buffer.MemoryCopy(committed, copy, lengthBytes, lengthBytes);
        _nodes.Add(offset, (nint)copy);
        return copy;
    }

    /// <summary>Registers a node that the transaction allocated: it is edited in place.</summary>
    public void AddNew(long offset, byte* node) => _nodes[offset] = (nint)node;

    public void Remove(long offset) => _nodes.Remove(offset);

    public void Clear()
    {
        _nodes.Clear();
        _arena = 0;
        _used = 0;
        if (_arenas.Count > KeptArenas)
        {
            _arenas.RemoveRange(KeptArenas, _arenas.Count - KeptArenas);
            _nodes.TrimExcess();
        }
    }

    private byte* Take(int lengthBytes)
    {
        while (_arena < _arenas.Count && _used + lengthBytes > _arenas[_arena].Length)
        {
            _arena++;
            _used = 0;
        }

        if (_arena == _arenas.Count)
        {
            _arenas.Add(GC.AllocateUninitializedArray<byte>(Math.Max(ArenaBytes, lengthBytes), pinned: true));
            _used = 0;
        }

        byte* start = (byte*)System.Runtime.InteropServices.Marshal.UnsafeAddrOfPinnedArrayElement(_arenas[_arena], _used);
        _used += lengthBytes;
        return start;
    }
}
