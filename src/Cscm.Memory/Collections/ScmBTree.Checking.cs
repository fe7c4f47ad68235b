using Cscm.Memory.Collections.Trees;

namespace Cscm.Memory.Collections;

public unsafe partial class ScmBTree<TKey, TValue, TComparer>
{
    /// <summary>Reports the tree's blocks to a check: <c>checker.Register&lt;ScmBTreeHeader&gt;(name, tree.Walk)</c>.</summary>
    public void Walk(ScmHeap heap, Ptr<ScmBTreeHeader> self, PointerVisitor visit)
    {
        ArgumentNullException.ThrowIfNull(visit);
        var header = (ScmBTreeHeader*)(_start + _header);
        if (header->Root != 0)
        {
            WalkNode(header->Root, Height(), visit);
        }
    }

    /// <summary>
    /// Verifies the structure: order, bounds, fingerprints, the list of leaves, the count. Empty: all is well. Not while others write.
    /// </summary>
    public IReadOnlyList<string> Verify()
    {
        _core.ThrowIfUnusable();
        List<string> problems = [];
        var header = (ScmBTreeHeader*)(_start + _header);
        long previous = 0;
        long count = 0;
        if (header->Root != 0)
        {
            VerifyNode(header->Root, Height(), null, null, ref previous, ref count, problems);
        }

        if (header->Height > 0 && InnerLayout<TKey>.Count(_start + header->Root) == 0)
        {
            problems.Add($"the root at 0x{header->Root:x} has a single child");
        }

        if (previous != header->LastLeaf || (previous != 0 && LeafLayout<TKey, TValue>.Next(OwnEntries(_start + previous)) != 0))
        {
            problems.Add($"the last leaf is at 0x{previous:x}, the header says 0x{header->LastLeaf:x}");
        }

        if (count != header->Count)
        {
            problems.Add($"{count} entries were found, the header says {header->Count}");
        }

        return problems;
    }

    private void WalkNode(long offset, int height, PointerVisitor visit)
    {
        visit.Visit(new Ptr<long>(offset));
        if (height == 0)
        {
            visit.Visit(new Ptr<long>(LeafLayout<TKey, TValue>.EntriesOffset(_store.Read(offset, LeafLayout<TKey, TValue>.LineBytes))));
            return;
        }

        byte* node = _store.Read(offset, InnerLayout<TKey>.Bytes);
        for (int i = 0; i <= InnerLayout<TKey>.Count(node); i++)
        {
            WalkNode(LeafPointer.Offset(InnerLayout<TKey>.Children(node)[i]), height - 1, visit);
            if (i < InnerLayout<TKey>.Count(node) && _comparer is IKeyOwner<TKey> owner)
            {
                owner.Visit(visit, InnerLayout<TKey>.Keys(node)[i]);
            }
        }
    }

    private void VerifyNode(long offset, int height, TKey* lower, TKey* upper, ref long previous, ref long count, List<string> problems)
    {
        byte* node = _store.Read(offset, height > 0 ? InnerLayout<TKey>.Bytes : LeafLayout<TKey, TValue>.LineBytes);
        if (height == 0)
        {
            VerifyLeaf(offset, node, lower, upper, ref previous, ref count, problems);
            return;
        }

        int keyCount = InnerLayout<TKey>.Count(node);
        TKey* keys = InnerLayout<TKey>.Keys(node);
        for (int i = 0; i <= keyCount; i++)
        {
            if (i < keyCount && !IsBetween(keys[i], i > 0 ? keys + i - 1 : lower, upper))
            {
                problems.Add($"key {i} of the inner node at 0x{offset:x} is out of order");
            }

            VerifyNode(LeafPointer.Offset(InnerLayout<TKey>.Children(node)[i]), height - 1, i > 0 ? keys + i - 1 : lower, i < keyCount ? keys + i : upper, ref previous, ref count, problems);
        }
    }

    private void VerifyLeaf(long offset, byte* leaf, TKey* lower, TKey* upper, ref long previous, ref long count, List<string> problems)
    {
        long linkedFrom = previous == 0 ? ((ScmBTreeHeader*)(_start + _header))->FirstLeaf : LeafLayout<TKey, TValue>.Next(OwnEntries(_start + previous));
        if (linkedFrom != offset || LeafLayout<TKey, TValue>.Previous(OwnEntries(leaf)) != previous)
        {
            problems.Add($"the leaf at 0x{offset:x} is not linked with the one before it, 0x{previous:x}");
        }

        if (LeafLayout<TKey, TValue>.Bitmap(leaf) == 0)
        {
            problems.Add($"the leaf at 0x{offset:x} is empty");
        }

        byte* entries = OwnEntries(leaf);
        for (ulong bits = LeafLayout<TKey, TValue>.Bitmap(leaf); bits != 0; bits &= bits - 1)
        {
            int slot = System.Numerics.BitOperations.TrailingZeroCount(bits);
            TKey key = LeafLayout<TKey, TValue>.Entry(entries, slot)->Key;
            count++;
            if (!IsBetween(key, lower, upper) || LeafLayout<TKey, TValue>.Find(leaf, entries, LeafLayout<TKey, TValue>.Bitmap(leaf), key, _comparer.Hash(key), _comparer) != slot)
            {
                problems.Add($"entry {slot} of the leaf at 0x{offset:x} is out of bounds, there twice, or has a wrong fingerprint");
            }
        }

        previous = offset;
    }

    private bool IsBetween(TKey key, TKey* lower, TKey* upper) =>
        (lower == null || _comparer.Compare(key, *lower) >= 0) && (upper == null || _comparer.Compare(key, *upper) < 0);
}
