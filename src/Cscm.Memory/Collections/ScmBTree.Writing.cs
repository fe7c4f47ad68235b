using System.Runtime.CompilerServices;
using Cscm.Memory.Transactions;

namespace Cscm.Memory.Collections;

// Insertion and removal of entries. The usual case, alone in its transaction and inside one leaf, stages its words directly; everything else
// goes through copies of the nodes, so that what follows in the transaction sees it.
public unsafe partial class ScmBTree<TKey, TValue, TComparer>
{
    /// <summary>Removes a key and gives the value it had. False when it is not there.</summary>
    public bool Remove(in TKey key, out TValue value)
    {
        TransactionContext context = _core.Context;
        context.Begin();
        bool isDone = false;
        bool isRemoved;
        try
        {
            if (context.Depth == 1)
            {
                ulong hash = _comparer.Hash(key);
                byte* leaf = EnterAt(context, key, hash);
                isRemoved = RemoveAlone(context, leaf, key, hash, out value);
            }
            else
            {
                _gate.Enter(context);
                isRemoved = RemoveThroughCopies(context, key, out value);
            }

            isDone = true;
        }
        finally
        {
            if (!isDone)
            {
                _gate.Abort(context);
            }
        }

        context.Commit();
        return isRemoved;
    }

    private bool Put(in TKey key, in TValue value, bool replace)
    {
        TransactionContext context = _core.Context;
        context.Begin();
        bool isDone = false;
        bool isAdded;
        try
        {
            if (context.Depth == 1)
            {
                ulong hash = _comparer.Hash(key);
                byte* leaf = EnterAt(context, key, hash);
                isAdded = PutAlone(context, leaf, key, value, hash, replace);
            }
            else
            {
                _gate.Enter(context);
                isAdded = PutThroughCopies(context, key, value, replace);
            }

            isDone = true;
        }
        finally
        {
            if (!isDone)
            {
                _gate.Abort(context);
            }
        }

        context.Commit();
        return isAdded;
    }

    /// <summary>
    /// Takes the gate and gives the key's leaf. The way down is gone first: taking the gate waits for the stores of the commit before, which
    /// miss the caches, and so the misses of both overlap.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private byte* EnterAt(TransactionContext context, in TKey key, ulong hash)
    {
        uint structure = _gate.StructureVersion;
        byte* leaf = FindLeaf(key, hash);
        _gate.Enter(context);
        return _gate.IsUnchanged(structure) ? leaf : FindLeaf(key, hash);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool PutAlone(TransactionContext context, byte* leaf, in TKey key, in TValue value, ulong hash, bool replace)
    {
        if (leaf == null)
        {
            return PutThroughCopies(context, key, value, replace);
        }

        uint bitmap = LeafLayout<TKey, TValue>.Bitmap(leaf);
        byte* entries = CommittedEntries(leaf);
        if (entries == null)
        {
            _store.ThrowDamaged(LeafLayout<TKey, TValue>.EntriesOffset(leaf));
        }

        int slot = LeafLayout<TKey, TValue>.Find(leaf, entries, bitmap, key, hash, _comparer);
        long offset = leaf - _start;
        if (slot >= 0)
        {
            if (replace)
            {
                TValue copy = value;
                _gate.ChangePart(offset);
                context.Write((byte*)&LeafLayout<TKey, TValue>.Entry(entries, slot)->Value - _start, (byte*)&copy, sizeof(TValue));
            }

            return false;
        }

        if (bitmap == LeafLayout<TKey, TValue>.Full)
        {
            return PutThroughCopies(context, key, value, replace);
        }

        _gate.ChangePart(offset);
        LeafEdits.StageAdd(
            context,
            leaf,
            offset,
            entries - _start,
            bitmap,
            new LeafEntry<TKey, TValue> { Key = key, Value = value },
            hash,
            _header + ScmBTreeHeader.CountAt,
            ((ScmBTreeHeader*)(_start + _header))->Count + 1);
        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool RemoveAlone(TransactionContext context, byte* leaf, in TKey key, ulong hash, out TValue value)
    {
        if (leaf == null)
        {
            return RemoveThroughCopies(context, key, out value);
        }

        uint bitmap = LeafLayout<TKey, TValue>.Bitmap(leaf);
        byte* entries = CommittedEntries(leaf);
        if (entries == null)
        {
            _store.ThrowDamaged(LeafLayout<TKey, TValue>.EntriesOffset(leaf));
        }

        int slot = LeafLayout<TKey, TValue>.Find(leaf, entries, bitmap, key, hash, _comparer);
        if (slot < 0)
        {
            value = default;
            return false;
        }

        uint rest = bitmap & ~(1u << slot);
        if (rest == 0)
        {
            return RemoveThroughCopies(context, key, out value);
        }

        value = LeafLayout<TKey, TValue>.Entry(entries, slot)->Value;
        long offset = leaf - _start;
        _gate.ChangePart(offset);
        context.Write(offset, rest);
        context.Write(_header + ScmBTreeHeader.CountAt, (ulong)(((ScmBTreeHeader*)(_start + _header))->Count - 1));
        return true;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool PutThroughCopies(TransactionContext context, in TKey key, in TValue value, bool replace)
    {
        _gate.ChangeStructure();
        ulong hash = _comparer.Hash(key);
        var entry = new LeafEntry<TKey, TValue> { Key = key, Value = value };
        PathStep* path = stackalloc PathStep[MaxHeight];
        long offset = FindPath(key, path, out int height);
        if (offset == 0)
        {
            AddFirstLeaf(context, entry, hash);
        }
        else
        {
            byte* leaf = _store.Read(offset, LeafLayout<TKey, TValue>.LineBytes);
            uint bitmap = LeafLayout<TKey, TValue>.Bitmap(leaf);
            int slot = LeafLayout<TKey, TValue>.Find(leaf, OwnEntries(leaf), bitmap, key, hash, _comparer);
            if (slot >= 0)
            {
                if (replace)
                {
                    LeafEdits.Replace<TKey, TValue>(_store, context, LeafLayout<TKey, TValue>.EntriesOffset(leaf), EditEntries(leaf), slot, value);
                }

                return false;
            }

            if (bitmap == LeafLayout<TKey, TValue>.Full)
            {
                SplitLeaf(context, path, height, offset, entry, hash);
            }
            else
            {
                AddToLeaf(context, offset, entry, hash);
            }
        }

        _store.SetHeader(context, ScmBTreeHeader.CountAt, _store.Header(ScmBTreeHeader.CountAt) + 1);
        return true;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool RemoveThroughCopies(TransactionContext context, in TKey key, out TValue value)
    {
        _gate.ChangeStructure();
        value = default;
        PathStep* path = stackalloc PathStep[MaxHeight];
        long offset = FindPath(key, path, out int height);
        if (offset == 0)
        {
            return false;
        }

        byte* leaf = _store.Read(offset, LeafLayout<TKey, TValue>.LineBytes);
        byte* entries = OwnEntries(leaf);
        uint bitmap = LeafLayout<TKey, TValue>.Bitmap(leaf);
        int slot = LeafLayout<TKey, TValue>.Find(leaf, entries, bitmap, key, _comparer.Hash(key), _comparer);
        if (slot < 0)
        {
            return false;
        }

        value = LeafLayout<TKey, TValue>.Entry(entries, slot)->Value;
        uint rest = bitmap & ~(1u << slot);
        if (rest != 0)
        {
            _store.StageWord(context, offset, EditLeaf(offset), LeafLayout<TKey, TValue>.BitmapAt, rest);
        }
        else
        {
            FreeLeaf(context, path, height, offset);
        }

        _store.SetHeader(context, ScmBTreeHeader.CountAt, _store.Header(ScmBTreeHeader.CountAt) - 1);
        return true;
    }
}
