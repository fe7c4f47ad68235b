using Cscm.Memory.Transactions;

namespace Cscm.Memory.Collections;

public unsafe partial class ScmBTree<TKey, TValue, TComparer>
{
    private const int LeavesPerTransaction = 1024;

    /// <summary>
    /// Adds many entries with ascending keys behind all that are there, leaf by leaf, nine tenths full. Outside a
    /// transaction it commits every 1024 leaves: after a crash a first part is there. Returns the number of entries.
    /// </summary>
    /// <exception cref="ArgumentException">A key is not after the one before it; transactions that had ended before stay.</exception>
    public long BulkLoad(IEnumerable<KeyValuePair<TKey, TValue>> ascending)
    {
        ArgumentNullException.ThrowIfNull(ascending);
        var buffer = new LeafEntry<TKey, TValue>[Math.Max(1, LeafLayout<TKey, TValue>.Capacity * 9 / 10)];
        using IEnumerator<KeyValuePair<TKey, TValue>> source = ascending.GetEnumerator();
        TKey? last = null;
        long total = 0;
        bool hasMore = true;
        while (hasMore)
        {
            TransactionContext context = _core.Context;
            context.Begin();
            bool isDone = false;
            try
            {
                _gate.Enter(context);
                _gate.ChangeStructure();
                if (TryGetMax(out TKey max, out _) && !(last is TKey loaded && _comparer.Compare(max, loaded) < 0))
                {
                    last = max;
                }

                for (int leaf = 0; leaf < LeavesPerTransaction && hasMore; leaf++)
                {
                    int count = Fill(buffer, source, ref last, out hasMore);
                    if (count > 0)
                    {
                        AppendLeaf(context, buffer.AsSpan(0, count));
                        total += count;
                    }
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
        }

        return total;
    }

    private int Fill(LeafEntry<TKey, TValue>[] buffer, IEnumerator<KeyValuePair<TKey, TValue>> source, ref TKey? last, out bool hasMore)
    {
        int count = 0;
        hasMore = true;
        while (count < buffer.Length && (hasMore = source.MoveNext()))
        {
            (TKey key, TValue value) = source.Current;
            if (last is TKey before && _comparer.Compare(key, before) <= 0)
            {
                throw new ArgumentException($"Key {key} is not after {before}. Sort the entries, and load only keys behind those in the tree.", nameof(source));
            }

            last = key;
            buffer[count++] = new LeafEntry<TKey, TValue> { Key = key, Value = value };
        }

        return count;
    }

    private void AppendLeaf(TransactionContext context, ReadOnlySpan<LeafEntry<TKey, TValue>> entries)
    {
        long offset = AllocateLeaf(context, out byte* leaf, out byte* home);
        foreach (ref readonly LeafEntry<TKey, TValue> entry in entries)
        {
            AddInPlace(leaf, home, entry, _comparer.Hash(entry.Key));
        }

        long last = _store.Header(ScmBTreeHeader.LastLeafAt);
        if (last == 0)
        {
            SetOnlyLeaf(context, offset);
        }
        else
        {
            PathStep* path = stackalloc PathStep[MaxHeight];
            FindPath(entries[0].Key, path, out int height);
            LinkBehind(context, last, offset, home, 0);
            AddChild(context, path, height - 1, Keep(context, entries[0].Key), LeafPointer.Pack(offset, LeafLayout<TKey, TValue>.EntriesOffset(leaf)));
        }

        _store.SetHeader(context, ScmBTreeHeader.CountAt, _store.Header(ScmBTreeHeader.CountAt) + entries.Length);
    }
}
