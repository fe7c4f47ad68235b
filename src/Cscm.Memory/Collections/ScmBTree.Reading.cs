using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using Cscm.Memory.Collections.Trees;

namespace Cscm.Memory.Collections;

// Reading without locks: see CollectionGate.
public unsafe partial class ScmBTree<TKey, TValue, TComparer>
{
    private const int MaxHeight = 24;

    /// <summary>The value of a key; false when the key is not there.</summary>
    public bool TryGetValue(in TKey key, out TValue value)
    {
        _core.ThrowIfUnusable();
        if (!_gate.IsMine(_core))
        {
            ulong hash = _comparer.Hash(key);
            uint structure = _gate.StructureVersion;
            byte* leaf = FindLeaf(key, hash);
            byte* entries = CommittedEntries(leaf);
            if (entries != null)
            {
                uint* stripe = _gate.Stripe(leaf - _start);
                uint part = Volatile.Read(ref *stripe);
                int slot = LeafLayout<TKey, TValue>.Find(leaf, entries, LeafLayout<TKey, TValue>.Bitmap(leaf), key, hash, _comparer);
                value = slot >= 0 ? LeafLayout<TKey, TValue>.Entry(entries, slot)->Value : default;
                if (_gate.IsUnchanged(structure, stripe, part))
                {
                    return slot >= 0;
                }
            }
        }

        return TryGetValueSlow(key, out value);
    }

    /// <summary>When something changed meanwhile, the tree is empty, or the thread has writes of its own.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool TryGetValueSlow(in TKey key, out TValue value)
    {
        ulong hash = _comparer.Hash(key);
        if (_gate.IsMine(_core))
        {
            byte* own = FindOwnLeaf(key);
            byte* ownEntries = own == null ? null : OwnEntries(own);
            int slot = own == null ? -1 : LeafLayout<TKey, TValue>.Find(own, ownEntries, LeafLayout<TKey, TValue>.Bitmap(own), key, hash, _comparer);
            value = slot >= 0 ? LeafLayout<TKey, TValue>.Entry(ownEntries, slot)->Value : default;
            return slot >= 0;
        }

        var spinner = default(SpinWait);
        while (true)
        {
            uint structure = _gate.StructureVersion;
            byte* leaf = FindLeaf(key, hash);
            byte* entries = CommittedEntries(leaf);
            uint* stripe = _gate.Stripe(leaf - _start);
            uint part = Volatile.Read(ref *stripe);
            int slot = entries == null ? -1 : LeafLayout<TKey, TValue>.Find(leaf, entries, LeafLayout<TKey, TValue>.Bitmap(leaf), key, hash, _comparer);
            value = slot >= 0 ? LeafLayout<TKey, TValue>.Entry(entries, slot)->Value : default;
            bool isDamaged = entries == null && ((ScmBTreeHeader*)(_start + _header))->Root != 0;
            if (_gate.IsUnchanged(structure, stripe, part))
            {
                if (isDamaged)
                {
                    _store.ThrowDamaged(-1);
                }

                return slot >= 0;
            }

            spinner.SpinOnce(sleep1Threshold: -1);
        }
    }

    /// <summary>The leaf that the key belongs to, in home memory; null for an empty tree, and where a pointer leads out of the heap.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private byte* FindLeaf(in TKey key, ulong hash)
    {
        var header = (ScmBTreeHeader*)(_start + _header);
        long pointer = Volatile.Read(ref header->Root);
        long height = header->Height;
        if ((ulong)height > MaxHeight)
        {
            return null;
        }

        // The bounds once for the whole way. Inner nodes are the larger ones.
        (long first, ulong room) = _store.Bounds(InnerLayout<TKey>.Bytes);
        for (; height > 0; height--)
        {
            if ((ulong)(pointer - first) > room | (pointer & 7) != 0)
            {
                return null;
            }

            byte* node = _start + pointer;
            pointer = InnerLayout<TKey>.Children(node)[InnerLayout<TKey>.Find(node, key, _comparer)];
        }

        long offset = LeafPointer.Offset(pointer);
        if (!_store.IsInside(offset, LeafLayout<TKey, TValue>.LineBytes))
        {
            return null;
        }

        byte* leaf = _start + offset;
        if (Sse.IsSupported)
        {
            Sse.Prefetch0(leaf);
            // Three other leaves, likely to be wanted soon: lines of leaves lie close together.
            Sse.Prefetch1(_start + (offset ^ 64));
            Sse.Prefetch1(_start + (offset ^ 128));
            Sse.Prefetch1(_start + (offset ^ 192));
            Sse.Prefetch0(leaf + LeafPointer.DistanceBytes(pointer) + LeafLayout<TKey, TValue>.EntryAt(LeafLayout<TKey, TValue>.PreferredSlot(hash)));
        }

        return leaf;
    }

    /// <summary>The entries of a leaf in home memory; null without a leaf, and where the pointer leads out of the heap.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private byte* CommittedEntries(byte* leaf)
    {
        if (leaf == null)
        {
            return null;
        }

        long offset = LeafLayout<TKey, TValue>.EntriesOffset(leaf);
        return _store.IsInside(offset, LeafLayout<TKey, TValue>.EntriesBytes) ? _start + offset : null;
    }

    /// <summary>The entries of a leaf as the writing transaction sees them. To be read only.</summary>
    private byte* OwnEntries(byte* leaf) => _store.Read(LeafLayout<TKey, TValue>.EntriesOffset(leaf), LeafLayout<TKey, TValue>.EntriesBytes);

    /// <summary>The leaf as this thread's transaction sees it; null for an empty tree.</summary>
    private byte* FindOwnLeaf(in TKey key)
    {
        PathStep* path = stackalloc PathStep[MaxHeight];
        long offset = FindPath(key, path, out _);
        return offset == 0 ? null : _store.Read(offset, LeafLayout<TKey, TValue>.LineBytes);
    }

    /// <summary>The inner nodes from the root down and which child is taken in each; the leaf, or 0. As the writing transaction sees it.</summary>
    private long FindPath(in TKey key, PathStep* path, out int height)
    {
        long offset = _store.Header(ScmBTreeHeader.RootAt);
        height = Height();
        for (int level = 0; level < height; level++)
        {
            byte* node = _store.Read(offset, InnerLayout<TKey>.Bytes);
            int index = InnerLayout<TKey>.Find(node, key, _comparer);
            path[level] = new PathStep { Offset = offset, Index = index };
            offset = LeafPointer.Offset(InnerLayout<TKey>.Children(node)[index]);
        }

        return offset;
    }

    private int Height()
    {
        long height = _store.Header(ScmBTreeHeader.HeightAt);
        if ((ulong)height > MaxHeight)
        {
            throw _core.Corrupt(_header, $"the B+tree here claims {height} levels", "Restore the heap from a backup");
        }

        return (int)height;
    }

    private struct PathStep
    {
        public long Offset;
        public int Index;
    }
}
