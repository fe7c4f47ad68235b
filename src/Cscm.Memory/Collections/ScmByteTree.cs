using System.Collections;

namespace Cscm.Memory.Collections;

/// <summary>
/// A durable ordered map from byte strings to byte strings: a B+tree over their first bytes and pointers to the rest. Order: byte by byte. Each
/// operation is a transaction of its own, of one fence, or part of the calling thread's. Threads as in <see cref="ScmBTree{TKey,TValue,TComparer}"/>.
/// </summary>
public sealed unsafe class ScmByteTree : IEnumerable<KeyValuePair<byte[], byte[]>>
{
    private readonly ScmHeap _heap;
    private readonly HeapCore _core;
    private readonly ScmBTree<ByteKey, ByteValue, ByteKeyComparer> _tree;

    /// <summary>The tree of this name, made where there is none.</summary>
    /// <exception cref="ScmMismatchException">The name belongs to something else.</exception>
    public ScmByteTree(ScmHeap heap, string name)
        : this(heap, CollectionHeader.Named<ScmBTreeHeader>(heap, name))
    {
    }

    /// <summary>The tree whose header is here; zeros are an empty tree.</summary>
    public ScmByteTree(ScmHeap heap, Ptr<ScmBTreeHeader> header)
    {
        ArgumentNullException.ThrowIfNull(heap);
        _heap = heap;
        _core = heap.Core;
        _tree = new ScmBTree<ByteKey, ByteValue, ByteKeyComparer>(heap, header, new ByteKeyComparer(_core));
    }

    public long Count => _tree.Count;

    /// <summary>Adds the key, or replaces its value. True when it was added.</summary>
    /// <exception cref="ScmOutOfSpaceException">The heap is full; the tree is unchanged.</exception>
    public bool Set(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        fixed (byte* content = key)
        {
            ByteKey wanted = ByteKey.Of(_core, content, key.Length);
            using Transaction tx = _heap.Begin();
            // First of all, so that nobody changes the entry between the look and the change.
            _tree.Gate.EnterLarger(tx.Context);
            bool isNew = !_tree.TryGetValue(wanted, out ByteValue stored);
            if (isNew)
            {
                stored.KeyOffset = ByteValue.Store(tx.Context, key);
                wanted.Offset = stored.KeyOffset;
            }
            else
            {
                ByteValue.Free(tx.Context, stored.Offset);
            }

            stored.Offset = ByteValue.Store(tx.Context, value);
            stored.Length = value.Length;
            _tree.Set(wanted, stored);
            tx.Commit();
            return isNew;
        }
    }

    /// <summary>Adds a key that is not there yet. False, and no change, when it is.</summary>
    public bool TryAdd(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        using Transaction tx = _heap.Begin();
        _tree.Gate.EnterLarger(tx.Context);
        bool isNew = !ContainsKey(key) && Set(key, value);
        tx.Commit();
        return isNew;
    }

    /// <summary>Removes a key and frees its memory. False when it is not there.</summary>
    public bool Remove(ReadOnlySpan<byte> key)
    {
        fixed (byte* content = key)
        {
            using Transaction tx = _heap.Begin();
            _tree.Gate.EnterLarger(tx.Context);
            bool isRemoved = _tree.Remove(ByteKey.Of(_core, content, key.Length), out ByteValue stored);
            if (isRemoved)
            {
                ByteValue.Free(tx.Context, stored.KeyOffset);
                ByteValue.Free(tx.Context, stored.Offset);
            }

            tx.Commit();
            return isRemoved;
        }
    }

    /// <summary>The value of a key, copied; false when the key is not there.</summary>
    public bool TryGetValue(ReadOnlySpan<byte> key, out byte[] value)
    {
        fixed (byte* content = key)
        {
            ByteKey wanted = ByteKey.Of(_core, content, key.Length);
            var spinner = default(SpinWait);
            while (true)
            {
                uint structure = _tree.Gate.StructureVersion;
                bool isFound = _tree.TryGetValue(wanted, out ByteValue stored);
                value = isFound ? stored.Copy(_core) : [];
                if (_tree.Gate.IsMine(_core) || _tree.Gate.IsUnchanged(structure))
                {
                    return isFound;
                }

                spinner.SpinOnce(sleep1Threshold: -1);
            }
        }
    }

    public bool ContainsKey(ReadOnlySpan<byte> key)
    {
        fixed (byte* content = key)
        {
            return _tree.ContainsKey(ByteKey.Of(_core, content, key.Length));
        }
    }

    /// <summary>All entries in order, copied. An entry removed meanwhile may be left out.</summary>
    public IEnumerator<KeyValuePair<byte[], byte[]>> GetEnumerator() => From([]).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>The entries from this key on in order, copied.</summary>
    public IEnumerable<KeyValuePair<byte[], byte[]>> From(ReadOnlySpan<byte> key) => Walk(key.ToArray(), isDescending: false);

    /// <summary>The entries from this key down in reverse order, copied.</summary>
    public IEnumerable<KeyValuePair<byte[], byte[]>> FromDescending(ReadOnlySpan<byte> key) => Walk(key.ToArray(), isDescending: true);

    /// <summary>Reports the tree's blocks to a check: <c>checker.Register&lt;ScmBTreeHeader&gt;(name, tree.Walk)</c>.</summary>
    public void Walk(ScmHeap heap, Ptr<ScmBTreeHeader> self, PointerVisitor visit)
    {
        ArgumentNullException.ThrowIfNull(visit);
        _tree.Walk(heap, self, visit);
        foreach ((ByteKey _, ByteValue value) in _tree)
        {
            visit.Visit(new Ptr<byte>(value.KeyOffset));
            visit.Visit(new Ptr<byte>(value.Offset));
        }
    }

    /// <summary>Verifies the structure, as <see cref="ScmBTree{TKey,TValue,TComparer}.Verify"/>.</summary>
    public IReadOnlyList<string> Verify() => _tree.Verify();

    private IEnumerable<KeyValuePair<byte[], byte[]>> Walk(byte[] from, bool isDescending)
    {
        bool isIncluded = true;
        while (Step(from, isDescending, isIncluded) is { } entry)
        {
            yield return entry;
            from = entry.Key;
            isIncluded = false;
        }
    }

    /// <summary>The next entry, copied whole at one moment; every step looks for its place by key, since stored keys may go away.</summary>
    private KeyValuePair<byte[], byte[]>? Step(byte[] from, bool isDescending, bool isIncluded)
    {
        fixed (byte* content = from)
        {
            ByteKey bound = ByteKey.Of(_core, content, from.Length);
            var spinner = default(SpinWait);
            while (true)
            {
                uint structure = _tree.Gate.StructureVersion;
                KeyValuePair<byte[], byte[]>? result = null;
                if (_tree.TryGetNeighbour(bound, isDescending, isIncluded, out ByteKey key, out ByteValue value))
                {
                    // Copied before the check, valid after it.
                    byte[] keyContent = key.Length == 0 ? [] : new ReadOnlySpan<byte>(_core.Start + key.Offset, (int)key.Length).ToArray();
                    result = new KeyValuePair<byte[], byte[]>(keyContent, value.Copy(_core));
                }

                if (_tree.Gate.IsMine(_core) || _tree.Gate.IsUnchanged(structure))
                {
                    return result;
                }

                spinner.SpinOnce(sleep1Threshold: -1);
            }
        }
    }
}
