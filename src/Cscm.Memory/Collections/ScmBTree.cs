using System.Collections;

namespace Cscm.Memory.Collections;

/// <summary>A B+tree whose keys have their natural order. See <see cref="ScmBTree{TKey,TValue,TComparer}"/>.</summary>
public sealed class ScmBTree<TKey, TValue> : ScmBTree<TKey, TValue, ScmKeyComparer<TKey>>
    where TKey : unmanaged, IComparable<TKey>
    where TValue : unmanaged
{
    /// <summary>The tree of this name, made where there is none.</summary>
    /// <exception cref="ScmMismatchException">The name belongs to something else, or to a tree of other types.</exception>
    public ScmBTree(ScmHeap heap, string name)
        : this(heap, CollectionHeader.Named<ScmBTreeHeader>(heap, name))
    {
    }

    /// <summary>The tree whose header is here; zeros are an empty tree.</summary>
    /// <exception cref="ScmMismatchException">The tree was made with other types of keys or values.</exception>
    public ScmBTree(ScmHeap heap, Ptr<ScmBTreeHeader> header)
        : base(heap, header, default)
    {
    }
}

/// <summary>
/// A durable ordered map of unmanaged keys and values: a B+tree with unsorted leaves and one-byte fingerprints. Each operation is a
/// transaction of its own, of one fence; inside a transaction of the calling thread it becomes part of that one, sees its
/// earlier operations, and costs no fence.
/// Threads: any number of readers beside one writer, which they never wait for longer than it takes to change a node in memory. A
/// transaction that has written keeps other writers of the same tree waiting until it ends; who writes several collections in one
/// transaction does so in the same order everywhere, or deadlocks. Each read is atomic; a scan is atomic leaf by leaf.
/// An operation that throws inside a larger transaction leaves that one unable to commit.
/// </summary>
public partial class ScmBTree<TKey, TValue, TComparer> : IEnumerable<KeyValuePair<TKey, TValue>>
    where TKey : unmanaged
    where TValue : unmanaged
    where TComparer : struct, IScmKeyComparer<TKey>
{
    private readonly HeapCore _core;
    private readonly TComparer _comparer;
    private readonly CollectionGate _gate;
    private readonly NodeStore _store;
    private readonly long _header;
    private readonly unsafe byte* _start;

    /// <summary>Opens the tree whose header is here, with an order of your own; zeros are an empty tree.</summary>
    /// <exception cref="ScmMismatchException">The tree was made with other types of keys or values.</exception>
    public unsafe ScmBTree(ScmHeap heap, Ptr<ScmBTreeHeader> header, TComparer comparer)
    {
        ArgumentNullException.ThrowIfNull(heap);
        _core = heap.Core;
        _core.ThrowIfUnusable();
        _core.CheckRange(header.Offset, ScmBTreeHeader.Size);
        _start = _core.Start;
        _header = header.Offset;
        _comparer = comparer;
        _gate = CollectionGate.Of(_core, _header);
        _store = new NodeStore(_core, _gate, "B+tree", _header, ScmBTreeHeader.Size);
        CollectionHeader.Claim(_core, _gate, _header, "B+tree", LayoutFingerprint.Of<LeafEntry<TKey, TValue>>() ^ ScmBTreeHeader.NodeFormat);
    }

    /// <summary>For what is built on trees: see <see cref="CollectionGate"/>.</summary>
    internal CollectionGate Gate => _gate;

    /// <summary>Entries in the tree.</summary>
    public unsafe long Count =>
        _gate.IsMine(_core) ? _store.Header(ScmBTreeHeader.CountAt) : Volatile.Read(ref ((ScmBTreeHeader*)(_start + _header))->Count);

    /// <summary>The value of a key. Setting adds the key or replaces its value.</summary>
    /// <exception cref="KeyNotFoundException">Getting: the key is not there.</exception>
    public TValue this[in TKey key]
    {
        get => TryGetValue(key, out TValue value) ? value : throw new KeyNotFoundException($"{_core.Name}: the tree has no key {key}.");
        set => Set(key, value);
    }

    /// <summary>Adds a key that is not there yet. False, and no change, when it is.</summary>
    /// <exception cref="ScmOutOfSpaceException">The heap is full; the tree is unchanged.</exception>
    public bool TryAdd(in TKey key, in TValue value) => Put(key, value, replace: false);

    /// <summary>Adds the key, or replaces its value. True when it was added.</summary>
    /// <exception cref="ScmOutOfSpaceException">The heap is full; the tree is unchanged.</exception>
    public bool Set(in TKey key, in TValue value) => Put(key, value, replace: true);

    /// <summary>Removes a key. False when it is not there. A leaf's memory is freed when its last entry goes.</summary>
    public bool Remove(in TKey key) => Remove(key, out _);

    public bool ContainsKey(in TKey key) => TryGetValue(key, out _);

    /// <summary>The entry with the smallest key; false when the tree is empty.</summary>
    public bool TryGetMin(out TKey key, out TValue value) => TryGetFirst(new TreeCursor(this, default, default, isDescending: false), out key, out value);

    /// <summary>The entry with the greatest key; false when the tree is empty.</summary>
    public bool TryGetMax(out TKey key, out TValue value) => TryGetFirst(new TreeCursor(this, default, default, isDescending: true), out key, out value);

    /// <summary>All entries in order.</summary>
    public IEnumerator<KeyValuePair<TKey, TValue>> GetEnumerator() => Walk(default, default, isDescending: false).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>The entries from <paramref name="from"/> to <paramref name="to"/>, both included, in order.</summary>
    public IEnumerable<KeyValuePair<TKey, TValue>> Range(TKey from, TKey to) => Walk(from, to, isDescending: false);

    /// <summary>The entries from <paramref name="from"/> on, in order.</summary>
    public IEnumerable<KeyValuePair<TKey, TValue>> From(TKey from) => Walk(from, default, isDescending: false);

    /// <summary>The entries from <paramref name="from"/> down to <paramref name="to"/>, both included, in reverse order.</summary>
    public IEnumerable<KeyValuePair<TKey, TValue>> RangeDescending(TKey from, TKey to) => Walk(to, from, isDescending: true);

    /// <summary>All entries in reverse order.</summary>
    public IEnumerable<KeyValuePair<TKey, TValue>> Descending() => Walk(default, default, isDescending: true);

    /// <summary>The entry at or next to a key: after it, or descending, before it.</summary>
    internal bool TryGetNeighbour(in TKey bound, bool isDescending, bool isIncluded, out TKey key, out TValue value) =>
        TryGetFirst(new TreeCursor(this, isDescending ? null : bound, isDescending ? bound : null, isDescending, isIncluded), out key, out value);

    private static bool TryGetFirst(TreeCursor cursor, out TKey key, out TValue value)
    {
        bool found = cursor.LoadNext();
        LeafEntry<TKey, TValue> entry = found ? cursor[0] : default;
        (key, value) = (entry.Key, entry.Value);
        return found;
    }

    private IEnumerable<KeyValuePair<TKey, TValue>> Walk(TKey? from, TKey? to, bool isDescending)
    {
        var cursor = new TreeCursor(this, from, to, isDescending);
        while (cursor.LoadNext())
        {
            for (int i = 0; i < cursor.Count; i++)
            {
                LeafEntry<TKey, TValue> entry = cursor[i];
                yield return new KeyValuePair<TKey, TValue>(entry.Key, entry.Value);
            }
        }
    }
}
