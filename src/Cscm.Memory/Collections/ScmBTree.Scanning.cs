namespace Cscm.Memory.Collections;

public unsafe partial class ScmBTree<TKey, TValue, TComparer>
{
    /// <summary>Walks the leaves in one direction; each is copied whole, at one moment, sorted, and cut to the bounds.</summary>
    private sealed class TreeCursor(ScmBTree<TKey, TValue, TComparer> tree, TKey? lower, TKey? upper, bool isDescending, bool isIncluded = true)
    {
        private readonly LeafEntry<TKey, TValue>[] _entries = new LeafEntry<TKey, TValue>[LeafLayout<TKey, TValue>.Capacity];
        private TKey? _lower = lower;
        private TKey? _upper = upper;
        private bool _isLowerExclusive = !isIncluded;
        private bool _isUpperExclusive = !isIncluded;
        private long _following;
        private uint _seenStructure;
        private bool _isEnded;

        public int Count { get; private set; }

        public ref readonly LeafEntry<TKey, TValue> this[int index] => ref _entries[index];

        /// <summary>The entries of the next leaf that has any; false at the end.</summary>
        public bool LoadNext()
        {
            tree._core.ThrowIfUnusable();
            Count = 0;
            if (_isEnded)
            {
                return false;
            }

            if (tree._gate.IsMine(tree._core))
            {
                _following = -1;
                LoadOwn();
            }
            else
            {
                var spinner = default(SpinWait);
                while (!TryLoadCommitted())
                {
                    _following = -1;
                    spinner.SpinOnce(sleep1Threshold: -1);
                }
            }

            if (Count == 0)
            {
                _isEnded = true;
                return false;
            }

            // From here on only what lies beyond: should the structure change, the way is found again by key.
            if (isDescending)
            {
                _upper = _entries[Count - 1].Key;
                _isUpperExclusive = true;
            }
            else
            {
                _lower = _entries[Count - 1].Key;
                _isLowerExclusive = true;
            }

            return true;
        }

        private void LoadOwn()
        {
            long offset = FindStart(own: true);
            while (offset != 0 && Count == 0)
            {
                byte* leaf = tree._store.Read(offset, LeafLayout<TKey, TValue>.LineBytes);
                byte* entries = tree.OwnEntries(leaf);
                if (Select(Copy(leaf, entries)))
                {
                    return;
                }

                offset = Following(entries);
            }
        }

        /// <summary>False: something changed meanwhile.</summary>
        private bool TryLoadCommitted()
        {
            CollectionGate gate = tree._gate;
            uint structure = gate.StructureVersion;
            bool isKnown = _following > 0 && structure == _seenStructure;
            long offset = isKnown ? _following : FindStart(own: false);
            while (offset != 0)
            {
                if (!tree._store.IsInside(offset, LeafLayout<TKey, TValue>.LineBytes))
                {
                    if (gate.IsUnchanged(structure))
                    {
                        tree._store.ThrowDamaged(offset);
                    }

                    return false;
                }

                byte* leaf = tree._start + offset;
                uint* stripe = gate.Stripe(offset);
                uint part = Volatile.Read(ref *stripe);
                byte* entries = tree.CommittedEntries(leaf);
                if (entries == null)
                {
                    if (gate.IsUnchanged(structure))
                    {
                        tree._store.ThrowDamaged(LeafLayout<TKey, TValue>.EntriesOffset(leaf));
                    }

                    return false;
                }

                int copied = Copy(leaf, entries);
                long following = Following(entries);
                // Before, the entries may be torn; after, what their keys point to may be gone.
                bool isSound = gate.IsUnchanged(structure, stripe, part);
                bool isPastEnd = isSound && Select(copied);
                if (!isSound || !gate.IsUnchanged(structure, stripe, part))
                {
                    Count = 0;
                    return false;
                }

                if (Count > 0 || isPastEnd)
                {
                    _following = following;
                    _seenStructure = structure;
                    _isEnded = isPastEnd || following == 0;
                    return true;
                }

                offset = following;
            }

            return gate.IsUnchanged(structure);
        }

        private long Following(byte* entries) => isDescending ? LeafLayout<TKey, TValue>.Previous(entries) : LeafLayout<TKey, TValue>.Next(entries);

        private long FindStart(bool own)
        {
            TKey? bound = isDescending ? _upper : _lower;
            if (bound is TKey key)
            {
                byte* leaf;
                if (own)
                {
                    PathStep* path = stackalloc PathStep[MaxHeight];
                    return tree.FindPath(key, path, out _);
                }

                leaf = tree.FindLeaf(key, 0);
                if (leaf != null)
                {
                    return leaf - tree._start;
                }

                return ((ScmBTreeHeader*)(tree._start + tree._header))->Root == 0 ? 0 : -1;
            }

            int at = isDescending ? ScmBTreeHeader.LastLeafAt : ScmBTreeHeader.FirstLeafAt;
            return own ? tree._store.Header(at) : *(long*)(tree._start + tree._header + at);
        }

        private int Copy(byte* leaf, byte* entries)
        {
            int count = 0;
            for (ulong bits = LeafLayout<TKey, TValue>.Bitmap(leaf); bits != 0; bits &= bits - 1)
            {
                _entries[count++] = *LeafLayout<TKey, TValue>.Entry(entries, System.Numerics.BitOperations.TrailingZeroCount(bits));
            }

            return count;
        }

        /// <summary>Keeps the entries inside the bounds, sorted. True: some lie beyond the far bound, so that no later leaf counts.</summary>
        private bool Select(int copied)
        {
            Count = 0;
            bool isPastEnd = false;
            for (int i = 0; i < copied; i++)
            {
                LeafEntry<TKey, TValue> entry = _entries[i];
                bool isBelow = _lower is TKey lower && tree._comparer.Compare(lower, entry.Key) > (_isLowerExclusive ? -1 : 0);
                bool isAbove = _upper is TKey upper && tree._comparer.Compare(upper, entry.Key) < (_isUpperExclusive ? 1 : 0);
                if (isBelow || isAbove)
                {
                    isPastEnd |= isDescending ? isBelow : isAbove;
                    continue;
                }

                int at = Count++;
                for (; at > 0 && (tree._comparer.Compare(entry.Key, _entries[at - 1].Key) < 0) != isDescending; at--)
                {
                    _entries[at] = _entries[at - 1];
                }

                _entries[at] = entry;
            }

            return isPastEnd;
        }
    }
}
