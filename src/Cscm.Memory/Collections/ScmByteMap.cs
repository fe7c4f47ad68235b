using System.Collections;

namespace Cscm.Memory.Collections;

/// <summary>
/// A durable map from byte strings to byte strings, without order. Each operation is a transaction of its own, of one fence, or part of the
/// calling thread's. Threads: any number of readers, which take no lock, beside one writer.
/// </summary>
public sealed unsafe class ScmByteMap : IEnumerable<KeyValuePair<byte[], byte[]>>
{
    private readonly ScmHeap _heap;
    private readonly HeapCore _core;
    private readonly CollectionGate _gate;
    private readonly ScmHashMap<ByteKey, ByteValue, ByteKeyComparer> _map;

    /// <summary>The map of this name, made where there is none.</summary>
    /// <exception cref="ScmMismatchException">The name belongs to something else.</exception>
    public ScmByteMap(ScmHeap heap, string name)
        : this(heap, CollectionHeader.Named<ScmHashMapHeader>(heap, name))
    {
    }

    /// <summary>The map whose header is here; zeros are an empty map.</summary>
    public ScmByteMap(ScmHeap heap, Ptr<ScmHashMapHeader> header)
    {
        ArgumentNullException.ThrowIfNull(heap);
        _heap = heap;
        _core = heap.Core;
        _gate = CollectionGate.Of(_core, header.Offset);
        _map = new ScmHashMap<ByteKey, ByteValue, ByteKeyComparer>(heap, header, new ByteKeyComparer(_core));
    }

    public long Count => _map.Count;

    /// <summary>Adds the key, or replaces its value. True when it was added.</summary>
    /// <exception cref="ScmOutOfSpaceException">The heap is full; the map is unchanged.</exception>
    public bool Set(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        fixed (byte* content = key)
        {
            ByteKey wanted = ByteKey.Of(_core, content, key.Length);
            using Transaction tx = _heap.Begin();
            _gate.EnterLarger(tx.Context);
            bool isNew = !_map.TryGetValue(wanted, out ByteValue stored);
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
            _map.Set(wanted, stored);
            tx.Commit();
            return isNew;
        }
    }

    /// <summary>Adds a key that is not there yet. False, and no change, when it is.</summary>
    public bool TryAdd(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        using Transaction tx = _heap.Begin();
        _gate.EnterLarger(tx.Context);
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
            _gate.EnterLarger(tx.Context);
            bool isRemoved = _map.Remove(ByteKey.Of(_core, content, key.Length), out ByteValue stored);
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
                // Every change of the map goes through this one gate as well.
                uint structure = _gate.StructureVersion;
                bool isFound = _map.TryGetValue(wanted, out ByteValue stored);
                value = isFound ? stored.Copy(_core) : [];
                if (_gate.IsMine(_core) || _gate.IsUnchanged(structure))
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
            return _map.ContainsKey(ByteKey.Of(_core, content, key.Length));
        }
    }

    /// <summary>All entries, copied, in no order. Not while others write: it throws then.</summary>
    /// <exception cref="InvalidOperationException">The map has changed since the walk began.</exception>
    public IEnumerator<KeyValuePair<byte[], byte[]>> GetEnumerator()
    {
        uint structure = _gate.StructureVersion;
        foreach ((ByteKey key, ByteValue value) in _map)
        {
            var copy = new KeyValuePair<byte[], byte[]>((value with { Offset = key.Offset, Length = key.Length }).Copy(_core), value.Copy(_core));
            if (!_gate.IsMine(_core) && !_gate.IsUnchanged(structure))
            {
                throw new InvalidOperationException($"{_core.Name}: the map has changed during its enumeration. Keep writers out, or begin a transaction around it.");
            }

            yield return copy;
        }
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>Reports the map's blocks to a check: <c>checker.Register&lt;ScmHashMapHeader&gt;(name, map.Walk)</c>.</summary>
    public void Walk(ScmHeap heap, Ptr<ScmHashMapHeader> self, PointerVisitor visit)
    {
        ArgumentNullException.ThrowIfNull(visit);
        _map.Walk(heap, self, visit);
        foreach ((ByteKey _, ByteValue value) in _map)
        {
            visit.Visit(new Ptr<byte>(value.KeyOffset));
            visit.Visit(new Ptr<byte>(value.Offset));
        }
    }
}
