using System.Runtime.CompilerServices;
using Cscm.Memory.Transactions;

namespace Cscm.Memory.Collections;

// Insertion and removal of entries. Alone in its transaction and inside one leaf, an operation stages its words as they are (and where nothing can
// fail, does not even need the transaction's machinery: see ScmBTree.Direct.cs); everything else goes through copies of the nodes, so that what
// follows in the transaction sees it.
public unsafe partial class ScmBTree<TKey, TValue, TComparer>
{
    /// <summary>Removes a key and gives the value it had. False when it is not there.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public bool Remove(in TKey key, out TValue value)
    {
        ulong hash = _comparer.Hash(key);
        TransactionContext context = _core.Context;
        return IsPlain && context.IsDirect && TryRemoveDirect(context, key, hash, out value, out bool isRemoved)
            ? isRemoved
            : RemoveOtherwise(context, key, hash, out value);
    }

    // Compiled by itself: what is inlined into it is more than compilers inline into anything larger.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool Put(in TKey key, in TValue value, bool replace)
    {
        ulong hash = _comparer.Hash(key);
        TransactionContext context = _core.Context;
        return IsPlain && context.IsDirect && TryPutDirect(context, key, value, hash, replace, out bool isAdded)
            ? isAdded
            : PutOtherwise(context, key, value, hash, replace);
    }

    /// <summary>The whole operation, as the only one of its transaction, if it concerns no more than this leaf; else false, and nothing is done.</summary>
    private bool TryPutInLeaf(TransactionContext context, byte* leaf, in TKey key, in TValue value, ulong hash, bool replace, out bool isAdded)
    {
        isAdded = false;
        byte* entries = CommittedEntries(leaf);
        if (entries == null)
        {
            return false;
        }

        ulong bitmap = LeafLayout<TKey, TValue>.Bitmap(leaf);
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

            return true;
        }

        if (bitmap == LeafLayout<TKey, TValue>.Full)
        {
            return false;
        }

        isAdded = true;
        _gate.ChangePart(offset);
        LeafEdits.StageAdd(
            context,
            leaf,
            offset,
            entries - _start,
            bitmap,
            LeafLayout<TKey, TValue>.FreeSlot(bitmap, hash),
            new LeafEntry<TKey, TValue> { Key = key, Value = value },
            hash,
            _header + ScmBTreeHeader.CountAt,
            ((ScmBTreeHeader*)(_start + _header))->Count + 1);
        return true;
    }

    /// <summary>As <see cref="TryPutInLeaf"/>.</summary>
    private bool TryRemoveInLeaf(TransactionContext context, byte* leaf, in TKey key, ulong hash, out TValue value, out bool isRemoved)
    {
        value = default;
        isRemoved = false;
        byte* entries = CommittedEntries(leaf);
        if (entries == null)
        {
            return false;
        }

        ulong bitmap = LeafLayout<TKey, TValue>.Bitmap(leaf);
        int slot = LeafLayout<TKey, TValue>.Find(leaf, entries, bitmap, key, hash, _comparer);
        ulong rest = bitmap & ~(1UL << slot);
        if (slot < 0 || rest == 0)
        {
            return slot < 0;
        }

        isRemoved = true;
        value = LeafLayout<TKey, TValue>.Entry(entries, slot)->Value;
        long offset = leaf - _start;
        _gate.ChangePart(offset);
        context.Write(offset, rest);
        context.Write(_header + ScmBTreeHeader.CountAt, (ulong)(((ScmBTreeHeader*)(_start + _header))->Count - 1));
        return true;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool PutOtherwise(TransactionContext context, in TKey key, in TValue value, ulong hash, bool replace)
    {
        context.Begin();
        bool isDone = false;
        bool isAdded;
        try
        {
            _gate.Enter(context);
            if (context.Depth > 1 || !TryPutInLeaf(context, FindLeaf(key, hash), key, value, hash, replace, out isAdded))
            {
                isAdded = PutThroughCopies(context, key, value, hash, replace);
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

    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool RemoveOtherwise(TransactionContext context, in TKey key, ulong hash, out TValue value)
    {
        context.Begin();
        bool isDone = false;
        bool isRemoved;
        try
        {
            _gate.Enter(context);
            if (context.Depth > 1 || !TryRemoveInLeaf(context, FindLeaf(key, hash), key, hash, out value, out isRemoved))
            {
                isRemoved = RemoveThroughCopies(context, key, hash, out value);
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

    private bool PutThroughCopies(TransactionContext context, in TKey key, in TValue value, ulong hash, bool replace)
    {
        _gate.ChangeStructure();
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
            ulong bitmap = LeafLayout<TKey, TValue>.Bitmap(leaf);
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

    private bool RemoveThroughCopies(TransactionContext context, in TKey key, ulong hash, out TValue value)
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
        ulong bitmap = LeafLayout<TKey, TValue>.Bitmap(leaf);
        int slot = LeafLayout<TKey, TValue>.Find(leaf, entries, bitmap, key, hash, _comparer);
        if (slot < 0)
        {
            return false;
        }

        value = LeafLayout<TKey, TValue>.Entry(entries, slot)->Value;
        ulong rest = bitmap & ~(1UL << slot);
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
