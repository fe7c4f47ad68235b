using System.Numerics;
using Cscm.Memory.Collections.Trees;
using Cscm.Memory.Transactions;

namespace Cscm.Memory.Collections;

// What happens above the entries: leaves and inner nodes are split when full and freed when empty (Johnson and Shasha, 1989: freeing
// at empty costs little space under mixed loads and spares most of the work of merging).
public unsafe partial class ScmBTree<TKey, TValue, TComparer>
{
    private void AddFirstLeaf(TransactionContext context, in LeafEntry<TKey, TValue> entry, ulong hash)
    {
        long offset = AllocateLeaf(context, out byte* leaf, out byte* entries);
        AddInPlace(leaf, entries, entry, hash);
        SetOnlyLeaf(context, offset);
    }

    /// <summary>A new leaf, its line zero but for the pointer to the entries, both edited in place.</summary>
    private long AllocateLeaf(TransactionContext context, out byte* leaf, out byte* entries)
    {
        long entriesOffset = _store.Allocate(context, LeafLayout<TKey, TValue>.EntriesBytes, out entries);
        long offset = _store.Allocate(context, LeafLayout<TKey, TValue>.LineBytes, out leaf);
        *(long*)(leaf + LeafLayout<TKey, TValue>.EntriesOffsetAt) = entriesOffset;
        return offset;
    }

    private static void AddInPlace(byte* leaf, byte* entries, in LeafEntry<TKey, TValue> entry, ulong hash) =>
        LeafLayout<TKey, TValue>.AddInPlace(leaf, entries, LeafLayout<TKey, TValue>.FreeSlot(LeafLayout<TKey, TValue>.Bitmap(leaf), hash), entry, hash);

    private byte* EditLeaf(long offset) => _store.Edit(offset, LeafLayout<TKey, TValue>.LineBytes);

    private byte* EditEntries(byte* leaf) => _store.Edit(LeafLayout<TKey, TValue>.EntriesOffset(leaf), LeafLayout<TKey, TValue>.EntriesBytes);

    /// <summary>Adds to a leaf with room through its copies.</summary>
    private void AddToLeaf(TransactionContext context, long offset, in LeafEntry<TKey, TValue> entry, ulong hash)
    {
        byte* leaf = EditLeaf(offset);
        int slot = LeafLayout<TKey, TValue>.FreeSlot(LeafLayout<TKey, TValue>.Bitmap(leaf), hash);
        LeafEdits.Add(_store, context, offset, leaf, LeafLayout<TKey, TValue>.EntriesOffset(leaf), EditEntries(leaf), slot, entry, hash);
    }

    private void SetOnlyLeaf(TransactionContext context, long offset)
    {
        _store.SetHeader(context, ScmBTreeHeader.RootAt, offset);
        _store.SetHeader(context, ScmBTreeHeader.HeightAt, 0);
        _store.SetHeader(context, ScmBTreeHeader.FirstLeafAt, offset);
        _store.SetHeader(context, ScmBTreeHeader.LastLeafAt, offset);
    }

    /// <summary>Moves the upper half of a full leaf to a new one and adds the entry where it belongs.</summary>
    private void SplitLeaf(TransactionContext context, PathStep* path, int height, long offset, in LeafEntry<TKey, TValue> entry, ulong hash)
    {
        byte* left = EditLeaf(offset);
        byte* leftEntries = OwnEntries(left);
        for (int at = 0; at < LeafLayout<TKey, TValue>.EntriesBytes; at += 64)
        {
            // All are needed, and most are not in the caches.
            TransactionContext.Prefetch(leftEntries + at);
        }

        long rightOffset = AllocateLeaf(context, out byte* right, out byte* rightEntries);
        long next = LeafLayout<TKey, TValue>.Next(leftEntries);
        ulong bitmap = LeafLayout<TKey, TValue>.Bitmap(left);
        ulong upper = UpperHalf(leftEntries, bitmap, out TKey separator, out TKey greatest);
        // Ascending keys: the last leaf stays full and the new one starts with the new key.
        if (next == 0 && _comparer.Compare(entry.Key, greatest) > 0)
        {
            upper = 0;
            separator = entry.Key;
        }

        for (ulong bits = upper; bits != 0; bits &= bits - 1)
        {
            LeafEntry<TKey, TValue>* moved = LeafLayout<TKey, TValue>.Entry(leftEntries, BitOperations.TrailingZeroCount(bits));
            AddInPlace(right, rightEntries, *moved, _comparer.Hash(moved->Key));
        }

        _store.StageWord(context, offset, left, LeafLayout<TKey, TValue>.BitmapAt, bitmap & ~upper);
        LinkBehind(context, offset, rightOffset, rightEntries, next);
        if (_comparer.Compare(entry.Key, separator) < 0)
        {
            AddToLeaf(context, offset, entry, hash);
        }
        else
        {
            AddInPlace(right, rightEntries, entry, hash);
        }

        AddChild(context, path, height - 1, Keep(context, separator), LeafPointer.Pack(rightOffset, LeafLayout<TKey, TValue>.EntriesOffset(right)));
    }

    /// <summary>A key as inner nodes hold it.</summary>
    private TKey Keep(TransactionContext context, in TKey key) =>
        _comparer is IKeyOwner<TKey> owner ? owner.Copy(context, key) : key;

    /// <summary>Puts a new leaf behind another.</summary>
    private void LinkBehind(TransactionContext context, long offset, long rightOffset, byte* rightEntries, long next)
    {
        *(long*)(rightEntries + LeafLayout<TKey, TValue>.NextAt) = next;
        *(long*)(rightEntries + LeafLayout<TKey, TValue>.PreviousAt) = offset;
        SetNext(context, offset, rightOffset);
        SetPrevious(context, next, rightOffset);
    }

    /// <summary>The leaf before <paramref name="leaf"/> is now another; leaf 0 stands for the end of the tree.</summary>
    private void SetPrevious(TransactionContext context, long leaf, long previous)
    {
        if (leaf == 0)
        {
            _store.SetHeader(context, ScmBTreeHeader.LastLeafAt, previous);
        }
        else
        {
            SetLink(context, leaf, LeafLayout<TKey, TValue>.PreviousAt, previous);
        }
    }

    private void SetNext(TransactionContext context, long leaf, long next)
    {
        if (leaf == 0)
        {
            _store.SetHeader(context, ScmBTreeHeader.FirstLeafAt, next);
        }
        else
        {
            SetLink(context, leaf, LeafLayout<TKey, TValue>.NextAt, next);
        }
    }

    private void SetLink(TransactionContext context, long leaf, int at, long value)
    {
        long entries = LeafLayout<TKey, TValue>.EntriesOffset(_store.Read(leaf, LeafLayout<TKey, TValue>.LineBytes));
        _store.SetWord(context, entries, LeafLayout<TKey, TValue>.EntriesBytes, at, (ulong)value);
    }

    /// <summary>Adds a child, and the key it begins with, behind the one that the path takes at this level and above as far as nodes are full.</summary>
    private void AddChild(TransactionContext context, PathStep* path, int level, TKey key, long child)
    {
        for (; level >= 0; level--)
        {
            byte* node = _store.Edit(path[level].Offset, InnerLayout<TKey>.Bytes);
            int count = InnerLayout<TKey>.Count(node);
            if (count < InnerLayout<TKey>.Capacity)
            {
                InsertChild(context, path[level], node, count, key, child);
                return;
            }

            SplitInner(context, path[level], node, ref key, ref child);
        }

        long rootOffset = _store.Allocate(context, InnerLayout<TKey>.Bytes, out byte* root);
        *(ulong*)root = 1;
        InnerLayout<TKey>.Keys(root)[0] = key;
        InnerLayout<TKey>.Children(root)[0] = _store.Header(ScmBTreeHeader.RootAt);
        InnerLayout<TKey>.Children(root)[1] = child;
        _store.SetHeader(context, ScmBTreeHeader.RootAt, rootOffset);
        _store.SetHeader(context, ScmBTreeHeader.HeightAt, _store.Header(ScmBTreeHeader.HeightAt) + 1);
    }

    private void InsertChild(TransactionContext context, PathStep step, byte* node, int count, TKey key, long child)
    {
        TKey* keys = InnerLayout<TKey>.Keys(node) + step.Index;
        long* children = InnerLayout<TKey>.Children(node) + step.Index + 1;
        int moved = count - step.Index;
        new Span<TKey>(keys, moved).CopyTo(new Span<TKey>(keys + 1, moved));
        new Span<long>(children, moved).CopyTo(new Span<long>(children + 1, moved));
        *keys = key;
        *children = child;
        _store.Stage(context, step.Offset, node, (byte*)keys - node, (moved + 1) * sizeof(TKey));
        _store.Stage(context, step.Offset, node, (byte*)children - node, (moved + 1) * sizeof(long));
        _store.StageWord(context, step.Offset, node, InnerLayout<TKey>.CountAt, (ulong)(count + 1));
    }

    /// <summary>Splits a full inner node with the new child in it; what goes up replaces the key and the child.</summary>
    private void SplitInner(TransactionContext context, PathStep step, byte* node, ref TKey key, ref long child)
    {
        int count = InnerLayout<TKey>.Capacity;
        TKey* keys = stackalloc TKey[count + 1];
        long* children = stackalloc long[count + 2];
        new ReadOnlySpan<TKey>(InnerLayout<TKey>.Keys(node), step.Index).CopyTo(new Span<TKey>(keys, count + 1));
        new ReadOnlySpan<TKey>(InnerLayout<TKey>.Keys(node) + step.Index, count - step.Index).CopyTo(new Span<TKey>(keys + step.Index + 1, count - step.Index));
        new ReadOnlySpan<long>(InnerLayout<TKey>.Children(node), step.Index + 1).CopyTo(new Span<long>(children, count + 2));
        new ReadOnlySpan<long>(InnerLayout<TKey>.Children(node) + step.Index + 1, count - step.Index).CopyTo(new Span<long>(children + step.Index + 2, count - step.Index));
        keys[step.Index] = key;
        children[step.Index + 1] = child;

        // Ascending keys leave full nodes behind.
        int leftCount = step.Index == count ? count - 1 : count / 2;
        int rightCount = count - leftCount;
        long rightOffset = _store.Allocate(context, InnerLayout<TKey>.Bytes, out byte* right);
        *(ulong*)right = (ulong)rightCount;
        new ReadOnlySpan<TKey>(keys + leftCount + 1, rightCount).CopyTo(new Span<TKey>(InnerLayout<TKey>.Keys(right), rightCount));
        new ReadOnlySpan<long>(children + leftCount + 1, rightCount + 1).CopyTo(new Span<long>(InnerLayout<TKey>.Children(right), rightCount + 1));

        new ReadOnlySpan<TKey>(keys, leftCount).CopyTo(new Span<TKey>(InnerLayout<TKey>.Keys(node), leftCount));
        new ReadOnlySpan<long>(children, leftCount + 1).CopyTo(new Span<long>(InnerLayout<TKey>.Children(node), leftCount + 1));
        if (step.Index < leftCount)
        {
            _store.Stage(context, step.Offset, node, InnerLayout<TKey>.KeysAt + (step.Index * sizeof(TKey)), (leftCount - step.Index) * sizeof(TKey));
            _store.Stage(context, step.Offset, node, InnerLayout<TKey>.ChildrenAt + ((step.Index + 1) * sizeof(long)), (leftCount - step.Index) * sizeof(long));
        }

        _store.StageWord(context, step.Offset, node, InnerLayout<TKey>.CountAt, (ulong)leftCount);
        key = keys[leftCount];
        child = rightOffset;
    }

    /// <summary>Takes an empty leaf out of its list and its parents.</summary>
    private void FreeLeaf(TransactionContext context, PathStep* path, int height, long offset)
    {
        byte* leaf = _store.Read(offset, LeafLayout<TKey, TValue>.LineBytes);
        byte* entries = OwnEntries(leaf);
        long next = LeafLayout<TKey, TValue>.Next(entries);
        long previous = LeafLayout<TKey, TValue>.Previous(entries);
        SetNext(context, previous, next);
        SetPrevious(context, next, previous);
        _store.Free(context, LeafLayout<TKey, TValue>.EntriesOffset(leaf));
        _store.Free(context, offset);
        for (int level = height - 1; level >= 0; level--)
        {
            if (InnerLayout<TKey>.Count(_store.Read(path[level].Offset, InnerLayout<TKey>.Bytes)) > 0)
            {
                RemoveChild(context, path[level]);
                LowerRoot(context);
                return;
            }

            // It was the only child.
            _store.Free(context, path[level].Offset);
        }

        _store.SetHeader(context, ScmBTreeHeader.RootAt, 0);
        _store.SetHeader(context, ScmBTreeHeader.HeightAt, 0);
    }

    private void RemoveChild(TransactionContext context, PathStep step)
    {
        byte* node = _store.Edit(step.Offset, InnerLayout<TKey>.Bytes);
        int count = InnerLayout<TKey>.Count(node);
        int keyIndex = Math.Max(0, step.Index - 1);
        int movedKeys = count - keyIndex - 1;
        int movedChildren = count - step.Index;
        TKey* keys = InnerLayout<TKey>.Keys(node) + keyIndex;
        long* children = InnerLayout<TKey>.Children(node) + step.Index;
        if (_comparer is IKeyOwner<TKey> owner)
        {
            owner.Free(context, *keys);
        }

        new ReadOnlySpan<TKey>(keys + 1, movedKeys).CopyTo(new Span<TKey>(keys, movedKeys));
        new ReadOnlySpan<long>(children + 1, movedChildren).CopyTo(new Span<long>(children, movedChildren));
        if (movedKeys > 0)
        {
            _store.Stage(context, step.Offset, node, (byte*)keys - node, movedKeys * sizeof(TKey));
        }

        if (movedChildren > 0)
        {
            _store.Stage(context, step.Offset, node, (byte*)children - node, movedChildren * sizeof(long));
        }

        _store.StageWord(context, step.Offset, node, InnerLayout<TKey>.CountAt, (ulong)(count - 1));
    }

    /// <summary>A root with a single child is superfluous.</summary>
    private void LowerRoot(TransactionContext context)
    {
        for (int height = Height(); height > 0; height--)
        {
            long root = _store.Header(ScmBTreeHeader.RootAt);
            byte* node = _store.Read(root, InnerLayout<TKey>.Bytes);
            if (InnerLayout<TKey>.Count(node) > 0)
            {
                return;
            }

            _store.SetHeader(context, ScmBTreeHeader.RootAt, LeafPointer.Offset(InnerLayout<TKey>.Children(node)[0]));
            _store.SetHeader(context, ScmBTreeHeader.HeightAt, height - 1);
            _store.Free(context, root);
        }
    }

    /// <summary>
    /// The slots of the upper half of the entries, a key that divides the halves (those of words need not be there) and the greatest.
    /// </summary>
    private ulong UpperHalf(byte* entries, ulong bitmap, out TKey separator, out TKey greatest)
    {
        if (LeafLayout<TKey, TValue>.Capacity == LeafLayout<TKey, TValue>.ManyEntries)
        {
            if (typeof(TComparer) == typeof(ScmKeyComparer<long>))
            {
                // The order of signed words is that of unsigned ones with the other sign.
                return UpperHalfOfWords(entries, bitmap, 1UL << 63, out separator, out greatest);
            }

            if (typeof(TComparer) == typeof(ScmKeyComparer<ulong>))
            {
                return UpperHalfOfWords(entries, bitmap, 0, out separator, out greatest);
            }
        }

        int* order = stackalloc int[LeafLayout<TKey, TValue>.Capacity];
        int count = SortSlots(entries, bitmap, order);
        ulong upper = 0;
        for (int i = count / 2; i < count; i++)
        {
            upper |= 1UL << order[i];
        }

        separator = LeafLayout<TKey, TValue>.Entry(entries, order[count / 2])->Key;
        greatest = LeafLayout<TKey, TValue>.Entry(entries, order[count - 1])->Key;
        return upper;
    }

    private static ulong UpperHalfOfWords(byte* entries, ulong bitmap, ulong sign, out TKey separator, out TKey greatest)
    {
        ulong* words = stackalloc ulong[WordSplit.MaxWords];
        int count = 0;
        ulong least = ulong.MaxValue;
        ulong most = 0;
        for (ulong bits = bitmap; bits != 0; bits &= bits - 1)
        {
            ulong word = *(ulong*)&LeafLayout<TKey, TValue>.Entry(entries, BitOperations.TrailingZeroCount(bits))->Key ^ sign;
            words[count++] = word;
            least = Math.Min(least, word);
            most = Math.Max(most, word);
        }

        ulong middle = WordSplit.Find(words, count, count / 2, least, most);
        ulong upper = 0;
        count = 0;
        for (ulong bits = bitmap; bits != 0; bits &= bits - 1)
        {
            upper |= words[count++] >= middle ? bits & (0 - bits) : 0;
        }

        middle ^= sign;
        most ^= sign;
        separator = *(TKey*)&middle;
        greatest = *(TKey*)&most;
        return upper;
    }

    /// <summary>The numbers of the slots in use, by key.</summary>
    private int SortSlots(byte* entries, ulong bitmap, int* order)
    {
        int count = 0;
        for (ulong bits = bitmap; bits != 0; bits &= bits - 1)
        {
            int slot = BitOperations.TrailingZeroCount(bits);
            int at = count++;
            for (; at > 0 && _comparer.Compare(LeafLayout<TKey, TValue>.Entry(entries, slot)->Key, LeafLayout<TKey, TValue>.Entry(entries, order[at - 1])->Key) < 0; at--)
            {
                order[at] = order[at - 1];
            }

            order[at] = slot;
        }

        return count;
    }
}
