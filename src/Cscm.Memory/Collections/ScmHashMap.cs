using System.Collections;
using Cscm.Memory.Transactions;

namespace Cscm.Memory.Collections;

/// <summary>A hash map over a key type's own equality. See <see cref="ScmHashMap{TKey,TValue,TComparer}"/>.</summary>
public sealed class ScmHashMap<TKey, TValue> : ScmHashMap<TKey, TValue, ScmKeyComparer<TKey>>
    where TKey : unmanaged, IComparable<TKey>
    where TValue : unmanaged
{
    /// <summary>The map of this name, made where there is none.</summary>
    /// <exception cref="ScmMismatchException">The name belongs to something else, or to a map of other types.</exception>
    public ScmHashMap(ScmHeap heap, string name)
        : this(heap, CollectionHeader.Named<ScmHashMapHeader>(heap, name))
    {
    }

    /// <summary>The map whose header is here; zeros are an empty map.</summary>
    /// <exception cref="ScmMismatchException">The map was made with other types of keys or values.</exception>
    public ScmHashMap(ScmHeap heap, Ptr<ScmHashMapHeader> header)
        : base(heap, header, default)
    {
    }
}

/// <summary>
/// A durable map of unmanaged keys and values without order: sixteen shards by the leading bits of the hash, each an extendible hash table.
/// Each operation is a transaction of its own, of one fence; inside a transaction of the calling thread it becomes part of that one.
/// Threads: readers take no lock and never wait for the medium. Single operations of several threads go on at once where their keys are in
/// different shards; a larger transaction keeps all other writers of the map waiting until it ends, and who writes several collections in
/// one transaction does so in the same order everywhere, or deadlocks. Each read is atomic; enumeration is atomic bucket by bucket.
/// An operation that throws inside a larger transaction leaves that one unable to commit. Only the hash and equality of the comparer count.
/// Memory: an emptied bucket is freed when its buddy can take its place; the directory does not shrink.
/// </summary>
public class ScmHashMap<TKey, TValue, TComparer> : IEnumerable<KeyValuePair<TKey, TValue>>
    where TKey : unmanaged
    where TValue : unmanaged
    where TComparer : struct, IScmKeyComparer<TKey>
{
    private readonly HeapCore _core;
    private readonly TComparer _comparer;
    private readonly HashShard<TKey, TValue, TComparer>[] _shards = new HashShard<TKey, TValue, TComparer>[ScmHashMapHeader.ShardCount];

    /// <summary>Opens the map whose header is here, with a hash of your own; zeros are an empty map.</summary>
    /// <exception cref="ScmMismatchException">The map was made with other types of keys or values.</exception>
    public ScmHashMap(ScmHeap heap, Ptr<ScmHashMapHeader> header, TComparer comparer)
    {
        ArgumentNullException.ThrowIfNull(heap);
        _core = heap.Core;
        _core.ThrowIfUnusable();
        _core.CheckRange(header.Offset, ScmHashMapHeader.Size);
        _comparer = comparer;
        for (int i = 0; i < _shards.Length; i++)
        {
            _shards[i] = new HashShard<TKey, TValue, TComparer>(_core, header.Offset + ((i + 1) * ScmHashMapHeader.ShardBytes), comparer);
        }

        CollectionHeader.Claim(_core, CollectionGate.Of(_core, header.Offset), header.Offset, "hash map", LayoutFingerprint.Of<LeafEntry<TKey, TValue>>());
    }

    /// <summary>Entries in the map: exact while nobody writes.</summary>
    public long Count => _shards.Sum(shard => shard.Count);

    /// <summary>The value of a key. Setting adds the key or replaces its value.</summary>
    /// <exception cref="KeyNotFoundException">Getting: the key is not there.</exception>
    public TValue this[in TKey key]
    {
        get => TryGetValue(key, out TValue value) ? value : throw new KeyNotFoundException($"{_core.Name}: the map has no key {key}.");
        set => Set(key, value);
    }

    /// <summary>The value of a key; false when the key is not there.</summary>
    public bool TryGetValue(in TKey key, out TValue value)
    {
        _core.ThrowIfUnusable();
        ulong hash = _comparer.Hash(key);
        return ShardOf(hash).TryGetValue(key, hash, out value);
    }

    public bool ContainsKey(in TKey key) => TryGetValue(key, out _);

    /// <summary>Adds a key that is not there yet. False, and no change, when it is.</summary>
    /// <exception cref="ScmOutOfSpaceException">The heap is full; the map is unchanged.</exception>
    public bool TryAdd(in TKey key, in TValue value) => Put(key, value, replace: false);

    /// <summary>Adds the key, or replaces its value. True when it was added.</summary>
    /// <exception cref="ScmOutOfSpaceException">The heap is full; the map is unchanged.</exception>
    public bool Set(in TKey key, in TValue value) => Put(key, value, replace: true);

    /// <summary>Removes a key. False when it is not there.</summary>
    public bool Remove(in TKey key) => Remove(key, out _);

    /// <summary>Removes a key and gives the value it had. False when it is not there.</summary>
    public bool Remove(in TKey key, out TValue value)
    {
        ulong hash = _comparer.Hash(key);
        HashShard<TKey, TValue, TComparer> shard = ShardOf(hash);
        TransactionContext context = _core.Context;
        context.Begin();
        bool isDone = false;
        bool isRemoved;
        try
        {
            Enter(context, shard);
            isRemoved = shard.Remove(context, key, hash, out value);
            isDone = true;
        }
        finally
        {
            if (!isDone)
            {
                shard.Gate.Abort(context);
            }
        }

        context.Commit();
        return isRemoved;
    }

    /// <summary>All entries, in no order. What is added or removed meanwhile may be seen or not; nothing else is left out or seen twice.</summary>
    public IEnumerator<KeyValuePair<TKey, TValue>> GetEnumerator()
    {
        _core.ThrowIfUnusable();
        List<KeyValuePair<TKey, TValue>> entries = [];
        foreach (HashShard<TKey, TValue, TComparer> shard in _shards)
        {
            ulong place = 0;
            bool hasMore = true;
            while (hasMore)
            {
                hasMore = shard.CopyBucket(ref place, entries);
                foreach (KeyValuePair<TKey, TValue> entry in entries)
                {
                    yield return entry;
                }
            }
        }
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>Reports the map's blocks to a check: <c>checker.Register&lt;ScmHashMapHeader&gt;(name, map.Walk)</c>.</summary>
    public void Walk(ScmHeap heap, Ptr<ScmHashMapHeader> self, PointerVisitor visit)
    {
        foreach (HashShard<TKey, TValue, TComparer> shard in _shards)
        {
            shard.Walk(visit);
        }
    }

    private HashShard<TKey, TValue, TComparer> ShardOf(ulong hash) => _shards[hash >> (64 - ScmHashMapHeader.ShardBits)];

    private bool Put(in TKey key, in TValue value, bool replace)
    {
        ulong hash = _comparer.Hash(key);
        HashShard<TKey, TValue, TComparer> shard = ShardOf(hash);
        TransactionContext context = _core.Context;
        context.Begin();
        bool isDone = false;
        bool isAdded;
        try
        {
            Enter(context, shard);
            isAdded = shard.Put(context, key, value, hash, replace);
            isDone = true;
        }
        finally
        {
            if (!isDone)
            {
                shard.Gate.Abort(context);
            }
        }

        context.Commit();
        return isAdded;
    }

    private void Enter(TransactionContext context, HashShard<TKey, TValue, TComparer> shard)
    {
        // A larger transaction takes all shards, always in the same order: two of them cannot wait for each other.
        if (context.Depth > 1 && !_shards[^1].Gate.IsHeldBy(context))
        {
            foreach (HashShard<TKey, TValue, TComparer> each in _shards)
            {
                each.Gate.Enter(context);
            }
        }

        shard.Gate.Enter(context);
    }
}
