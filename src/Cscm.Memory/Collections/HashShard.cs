using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using Cscm.Memory.Transactions;

namespace Cscm.Memory.Collections;

/// <summary>
/// One shard of a hash map: a directory indexed by the hash's leading bits, and buckets that are leaves like the B+tree's, with their depth
/// (the number of bits that all their keys share) where those have the next leaf. A full bucket is split; the directory doubles when it must.
/// </summary>
internal sealed unsafe class HashShard<TKey, TValue, TComparer>
    where TKey : unmanaged
    where TValue : unmanaged
    where TComparer : struct, IScmKeyComparer<TKey>
{
    private const int DepthAt = BucketLayout<TKey, TValue>.DepthAt;
    private const int MaxDepth = 32;
    private const int CopiedWords = 64;
    private readonly HeapCore _core;
    private readonly NodeStore _store;
    private readonly byte* _start;
    private readonly long _header;
    private readonly TComparer _comparer;

    public HashShard(HeapCore core, long header, TComparer comparer)
    {
        _core = core;
        _header = header;
        _comparer = comparer;
        _start = core.Start;
        Gate = CollectionGate.Of(core, header);
        _store = new NodeStore(core, Gate, "hash map", header, ScmHashMapHeader.ShardBytes);
    }

    public CollectionGate Gate { get; }

    public long Count => Gate.IsMine(_core) ? _store.Header(ShardHeader.CountAt) : Volatile.Read(ref Home->Count);

    private ShardHeader* Home => (ShardHeader*)(_start + _header);

    public bool TryGetValue(in TKey key, ulong hash, out TValue value)
    {
        if (Gate.IsMine(_core))
        {
            long offset = FindOwnBucket(_core.Context, hash, out _, out _, out _);
            byte* own = offset == 0 ? null : _store.Read(offset, BucketLayout<TKey, TValue>.Bytes);
            int slot = own == null ? -1 : Find(own, key, hash);
            value = slot >= 0 ? LeafLayout<TKey, TValue>.Entry(Entries(own), slot)->Value : default;
            return slot >= 0;
        }

        var spinner = default(SpinWait);
        while (true)
        {
            uint structure = Gate.StructureVersion;
            byte* bucket = FindBucket(hash);
            uint* stripe = Gate.Stripe(bucket - _start);
            uint part = Volatile.Read(ref *stripe);
            int slot = bucket == null ? -1 : Find(bucket, key, hash);
            value = slot >= 0 ? LeafLayout<TKey, TValue>.Entry(Entries(bucket), slot)->Value : default;
            bool isDamaged = bucket == null && Home->Directory != 0;
            if (Gate.IsUnchanged(structure, stripe, part))
            {
                if (isDamaged)
                {
                    _store.ThrowDamaged(Home->Directory);
                }

                return slot >= 0;
            }

            spinner.SpinOnce(sleep1Threshold: -1);
        }
    }

    public bool Put(TransactionContext context, in TKey key, in TValue value, ulong hash, bool replace)
    {
        byte* bucket = context.Depth == 1 ? FindBucket(hash) : null;
        if (bucket == null)
        {
            return PutThroughCopies(context, key, value, hash, replace);
        }

        ulong bitmap = BucketLayout<TKey, TValue>.Bitmap(bucket);
        int slot = Find(bucket, key, hash);
        long offset = bucket - _start;
        if (slot >= 0)
        {
            if (replace)
            {
                TValue copy = value;
                Gate.ChangePart(offset);
                context.Write((byte*)&LeafLayout<TKey, TValue>.Entry(Entries(bucket), slot)->Value - _start, (byte*)&copy, sizeof(TValue));
            }

            return false;
        }

        if (bitmap == BucketLayout<TKey, TValue>.Full)
        {
            return PutThroughCopies(context, key, value, hash, replace);
        }

        Gate.ChangePart(offset);
        LeafEdits.StageAdd(
            context,
            bucket,
            offset,
            offset + BucketLayout<TKey, TValue>.EntriesAt,
            bitmap,
            BucketLayout<TKey, TValue>.FreeSlot(bitmap, BucketHash(hash)),
            new LeafEntry<TKey, TValue> { Key = key, Value = value },
            BucketHash(hash),
            _header + ShardHeader.CountAt,
            Home->Count + 1);
        return true;
    }

    public bool Remove(TransactionContext context, in TKey key, ulong hash, out TValue value)
    {
        byte* bucket = context.Depth == 1 ? FindBucket(hash) : null;
        if (bucket == null)
        {
            return RemoveThroughCopies(context, key, hash, out value);
        }

        ulong bitmap = BucketLayout<TKey, TValue>.Bitmap(bucket);
        int slot = Find(bucket, key, hash);
        if (slot < 0)
        {
            value = default;
            return false;
        }

        ulong rest = bitmap & ~(1UL << slot);
        if (rest == 0)
        {
            return RemoveThroughCopies(context, key, hash, out value);
        }

        value = LeafLayout<TKey, TValue>.Entry(Entries(bucket), slot)->Value;
        long offset = bucket - _start;
        Gate.ChangePart(offset);
        context.Write(offset, rest);
        context.Write(_header + ShardHeader.CountAt, (ulong)(Home->Count - 1));
        return true;
    }

    /// <summary>
    /// The entries of the bucket that holds this place among the hashes of the shard, those from the place on; then the place behind it.
    /// Places do not change when buckets are split. False when it was the last bucket.
    /// </summary>
    public bool CopyBucket(ref ulong place, List<KeyValuePair<TKey, TValue>> entries)
    {
        var spinner = default(SpinWait);
        while (true)
        {
            entries.Clear();
            bool isMine = Gate.IsMine(_core);
            uint structure = Gate.StructureVersion;
            byte* bucket = null;
            if (isMine)
            {
                long offset = FindOwnBucket(_core.Context, place >> ScmHashMapHeader.ShardBits, out _, out _, out _);
                bucket = offset == 0 ? null : _store.Read(offset, BucketLayout<TKey, TValue>.Bytes);
            }
            else
            {
                bucket = FindBucket(place >> ScmHashMapHeader.ShardBits);
            }

            uint* stripe = Gate.Stripe(bucket - _start);
            uint part = Volatile.Read(ref *stripe);
            ulong next = 0;
            if (bucket != null)
            {
                for (ulong bits = BucketLayout<TKey, TValue>.Bitmap(bucket); bits != 0; bits &= bits - 1)
                {
                    LeafEntry<TKey, TValue> entry = *LeafLayout<TKey, TValue>.Entry(Entries(bucket), BitOperations.TrailingZeroCount(bits));
                    if (_comparer.Hash(entry.Key) << ScmHashMapHeader.ShardBits >= place)
                    {
                        entries.Add(new KeyValuePair<TKey, TValue>(entry.Key, entry.Value));
                    }
                }

                // The first place that does not share the bucket's leading bits.
                int depth = (int)Math.Min(LocalDepth(bucket), MaxDepth);
                next = depth == 0 ? 0 : ((place >> (64 - depth)) + 1) << (64 - depth);
            }

            if (isMine || Gate.IsUnchanged(structure, stripe, part))
            {
                place = next;
                return next != 0;
            }

            spinner.SpinOnce(sleep1Threshold: -1);
        }
    }

    public void Walk(PointerVisitor visitor)
    {
        long count = Home->Directory == 0 ? 0 : 1L << (int)Home->Depth;
        visitor.Visit(new Ptr<long>(Home->Directory));
        for (long i = 0; i < count; i++)
        {
            visitor.Visit(new Ptr<long>(((long*)(_start + Home->Directory))[i]));
        }
    }

    /// <summary>The fingerprint and the slot come from bits that the directory reaches last.</summary>
    private static ulong BucketHash(ulong hash) => BitOperations.RotateLeft(hash, 32);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static byte* Entries(byte* bucket) => bucket + BucketLayout<TKey, TValue>.EntriesAt;

    private static void AddInPlace(byte* bucket, in LeafEntry<TKey, TValue> entry, ulong bucketHash) =>
        LeafLayout<TKey, TValue>.AddInPlace(
            bucket, Entries(bucket), BucketLayout<TKey, TValue>.FreeSlot(BucketLayout<TKey, TValue>.Bitmap(bucket), bucketHash), entry, bucketHash);

    private static long LocalDepth(byte* bucket) => *(long*)(bucket + DepthAt);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static long IndexOf(ulong hash, long depth) => depth == 0 ? 0 : (long)((hash << ScmHashMapHeader.ShardBits) >> (int)(64 - depth));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private int Find(byte* bucket, in TKey key, ulong hash) =>
        LeafLayout<TKey, TValue>.Find(bucket, Entries(bucket), BucketLayout<TKey, TValue>.Bitmap(bucket), key, BucketHash(hash), _comparer);

    /// <summary>The bucket in home memory; null when the shard is empty or a pointer leads out of the heap.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private byte* FindBucket(ulong hash)
    {
        long directory = Volatile.Read(ref Home->Directory);
        long depth = Home->Depth;
        if ((ulong)depth > MaxDepth)
        {
            return null;
        }

        long word = directory + (IndexOf(hash, depth) * sizeof(long));
        if (!_store.IsInside(word, sizeof(long)))
        {
            return null;
        }

        long offset = Volatile.Read(ref *(long*)(_start + word));
        if (!_store.IsInside(offset, BucketLayout<TKey, TValue>.Bytes))
        {
            return null;
        }

        byte* bucket = _start + offset;
        if (Sse.IsSupported)
        {
            Sse.Prefetch0(Entries(bucket) + LeafLayout<TKey, TValue>.EntryAt(BucketLayout<TKey, TValue>.PreferredSlot(BucketHash(hash))));
        }

        return bucket;
    }

    private long FindOwnBucket(TransactionContext context, ulong hash, out long directory, out long depth, out long index)
    {
        directory = _store.Header(ShardHeader.DirectoryAt);
        depth = _store.Header(ShardHeader.DepthAt);
        if ((ulong)depth > MaxDepth)
        {
            _store.ThrowDamaged(directory);
        }

        index = IndexOf(hash, depth);
        return directory == 0 ? 0 : ReadWord(context, directory + (index * sizeof(long)));
    }

    private byte* Edit(long bucket) => _store.Edit(bucket, BucketLayout<TKey, TValue>.Bytes);

    private long ReadWord(TransactionContext context, long offset)
    {
        if (!_store.IsInside(offset, sizeof(long)))
        {
            _store.ThrowDamaged(offset);
        }

        long value;
        context.Read(offset, (byte*)&value, sizeof(long));
        return value;
    }

    private bool PutThroughCopies(TransactionContext context, in TKey key, in TValue value, ulong hash, bool replace)
    {
        Gate.ChangeStructure();
        var entry = new LeafEntry<TKey, TValue> { Key = key, Value = value };
        while (true)
        {
            long offset = FindOwnBucket(context, hash, out long directory, out long depth, out long index);
            if (directory == 0)
            {
                AddFirst(context, entry, hash);
                break;
            }

            byte* bucket = _store.Read(offset, BucketLayout<TKey, TValue>.Bytes);
            int slot = Find(bucket, key, hash);
            if (slot >= 0)
            {
                if (replace)
                {
                    LeafEdits.Replace<TKey, TValue>(_store, context, offset + BucketLayout<TKey, TValue>.EntriesAt, Entries(Edit(offset)), slot, value);
                }

                return false;
            }

            if (BucketLayout<TKey, TValue>.Bitmap(bucket) != BucketLayout<TKey, TValue>.Full)
            {
                bucket = Edit(offset);
                int free = BucketLayout<TKey, TValue>.FreeSlot(BucketLayout<TKey, TValue>.Bitmap(bucket), BucketHash(hash));
                LeafEdits.Add(_store, context, offset, bucket, offset + BucketLayout<TKey, TValue>.EntriesAt, Entries(bucket), free, entry, BucketHash(hash));
                break;
            }

            if (LocalDepth(bucket) < depth)
            {
                Split(context, offset, directory, depth, index);
            }
            else
            {
                Double(context, directory, depth);
            }
        }

        _store.SetHeader(context, ShardHeader.CountAt, _store.Header(ShardHeader.CountAt) + 1);
        return true;
    }

    private bool RemoveThroughCopies(TransactionContext context, in TKey key, ulong hash, out TValue value)
    {
        Gate.ChangeStructure();
        value = default;
        long offset = FindOwnBucket(context, hash, out long directory, out long depth, out long index);
        byte* bucket = offset == 0 ? null : _store.Read(offset, BucketLayout<TKey, TValue>.Bytes);
        int slot = bucket == null ? -1 : Find(bucket, key, hash);
        if (slot < 0)
        {
            return false;
        }

        value = LeafLayout<TKey, TValue>.Entry(Entries(bucket), slot)->Value;
        ulong rest = BucketLayout<TKey, TValue>.Bitmap(bucket) & ~(1UL << slot);
        if (rest != 0 || !TryMerge(context, offset, directory, depth, index))
        {
            _store.StageWord(context, offset, Edit(offset), LeafLayout<TKey, TValue>.BitmapAt, rest);
        }

        _store.SetHeader(context, ShardHeader.CountAt, _store.Header(ShardHeader.CountAt) - 1);
        return true;
    }

    private void AddFirst(TransactionContext context, in LeafEntry<TKey, TValue> entry, ulong hash)
    {
        long offset = _store.Allocate(context, BucketLayout<TKey, TValue>.Bytes, out byte* bucket);
        AddInPlace(bucket, entry, BucketHash(hash));
        long directory = context.Allocate(sizeof(long), 16, zeroed: false).Offset;
        *(long*)(_start + directory) = offset;
        _store.SetHeader(context, ShardHeader.DirectoryAt, directory);
        _store.SetHeader(context, ShardHeader.DepthAt, 0);
    }

    /// <summary>Moves the entries whose next bit is set to a bucket of their own.</summary>
    private void Split(TransactionContext context, long offset, long directory, long depth, long index)
    {
        long upperOffset = _store.Allocate(context, BucketLayout<TKey, TValue>.Bytes, out byte* upper);
        byte* lower = Edit(offset);
        int local = (int)LocalDepth(lower);
        ulong bitmap = BucketLayout<TKey, TValue>.Bitmap(lower);
        for (ulong bits = bitmap; bits != 0; bits &= bits - 1)
        {
            int slot = BitOperations.TrailingZeroCount(bits);
            LeafEntry<TKey, TValue>* entry = LeafLayout<TKey, TValue>.Entry(Entries(lower), slot);
            ulong hash = _comparer.Hash(entry->Key);
            if (((hash << ScmHashMapHeader.ShardBits) & (1UL << (63 - local))) != 0)
            {
                AddInPlace(upper, *entry, BucketHash(hash));
                bitmap &= ~(1UL << slot);
            }
        }

        *(long*)(upper + DepthAt) = local + 1;
        *(ulong*)(lower + LeafLayout<TKey, TValue>.BitmapAt) = bitmap;
        *(long*)(lower + DepthAt) = local + 1;
        _store.Stage(context, offset, lower, LeafLayout<TKey, TValue>.BitmapAt, 2 * sizeof(ulong));
        long span = 1L << (int)(depth - local);
        WriteRange(context, directory, (index & -span) + (span / 2), span / 2, upperOffset);
    }

    /// <summary>Gives an empty bucket's place to its buddy, the bucket that differs in the last bit only, and frees it.</summary>
    private bool TryMerge(TransactionContext context, long offset, long directory, long depth, long index)
    {
        long local = LocalDepth(_store.Read(offset, BucketLayout<TKey, TValue>.Bytes));
        if (local == 0)
        {
            return false;
        }

        long span = 1L << (int)(depth - local);
        long buddyOffset = ReadWord(context, directory + ((index ^ span) * sizeof(long)));
        if (LocalDepth(_store.Read(buddyOffset, BucketLayout<TKey, TValue>.Bytes)) != local)
        {
            return false;
        }

        byte* buddy = Edit(buddyOffset);
        _store.StageWord(context, buddyOffset, buddy, DepthAt, (ulong)(local - 1));
        WriteRange(context, directory, index & -span, span, buddyOffset);
        _store.Free(context, offset);
        return true;
    }

    /// <summary>A directory of one bit more, written in place; the old one is freed.</summary>
    private void Double(TransactionContext context, long directory, long depth)
    {
        if (depth == MaxDepth)
        {
            throw _core.Misuse(_header, "more keys share the leading bits of their hash than a bucket holds", "Use a comparer that mixes all bits of the hash");
        }

        long count = 1L << (int)depth;
        long doubled = context.Allocate(2 * count * sizeof(long), 16, zeroed: false).Offset;
        long* target = (long*)(_start + doubled);
        for (long i = 0; i < count; i++)
        {
            long bucket = ReadWord(context, directory + (i * sizeof(long)));
            target[2 * i] = bucket;
            target[(2 * i) + 1] = bucket;
        }

        _store.Free(context, directory);
        _store.SetHeader(context, ShardHeader.DirectoryAt, doubled);
        _store.SetHeader(context, ShardHeader.DepthAt, depth + 1);
    }

    private void WriteRange(TransactionContext context, long directory, long first, long count, long value)
    {
        long* words = stackalloc long[CopiedWords];
        new Span<long>(words, (int)Math.Min(count, CopiedWords)).Fill(value);
        for (long i = 0; i < count; i += CopiedWords)
        {
            context.Write(directory + ((first + i) * sizeof(long)), (byte*)words, Math.Min(count - i, CopiedWords) * sizeof(long));
        }
    }
}
