using System.Runtime.CompilerServices;
using Cscm.Memory.Media;
using Cscm.Memory.Medium;
using Cscm.Memory.Transactions;

namespace Cscm.Memory.Collections;

// An operation inside one leaf, alone in its transaction, where nothing can fail: see TransactionContext.Direct.cs.
public unsafe partial class ScmBTree<TKey, TValue, TComparer>
{
    private const int LongestPlainEntry = 96;

    /// <summary>Whether nothing that an operation inside one leaf calls can throw: keys are words, whose order is known. A constant to the compiler.</summary>
    private static bool IsPlain
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => (typeof(TComparer) == typeof(ScmKeyComparer<long>) || typeof(TComparer) == typeof(ScmKeyComparer<ulong>)
            || typeof(TComparer) == typeof(ScmKeyComparer<int>) || typeof(TComparer) == typeof(ScmKeyComparer<uint>))
            && sizeof(LeafEntry<TKey, TValue>) <= LongestPlainEntry;
    }

    /// <summary>The whole operation; false, and nothing done, where it concerns more than one leaf or another writer is about.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool TryPutDirect(TransactionContext context, in TKey key, in TValue value, ulong hash, bool replace, out bool isAdded)
    {
        isAdded = false;
        byte* leaf = HoldAt(key, hash);
        if (leaf == null)
        {
            return false;
        }

        bool isDone = false;
        byte* entries = CommittedEntries(leaf);
        if (entries != null)
        {
            ulong bitmap = LeafLayout<TKey, TValue>.Bitmap(leaf);
            int slot = LeafLayout<TKey, TValue>.Find(leaf, entries, bitmap, key, hash, _comparer);
            if (slot >= 0)
            {
                isDone = !replace || TryReplaceDirect(context, leaf, LeafLayout<TKey, TValue>.Entry(entries, slot), value);
            }
            else if (bitmap != LeafLayout<TKey, TValue>.Full)
            {
                isDone = isAdded = TryAddDirect(context, leaf, entries, bitmap, LeafLayout<TKey, TValue>.FreeSlot(bitmap, hash), key, value, hash);
            }
        }

        _gate.Release();
        return isDone;
    }

    /// <summary>As <see cref="TryPutDirect"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool TryRemoveDirect(TransactionContext context, in TKey key, ulong hash, out TValue value, out bool isRemoved)
    {
        value = default;
        isRemoved = false;
        byte* leaf = HoldAt(key, hash);
        if (leaf == null)
        {
            return false;
        }

        bool isDone = false;
        byte* entries = CommittedEntries(leaf);
        if (entries != null)
        {
            ulong bitmap = LeafLayout<TKey, TValue>.Bitmap(leaf);
            int slot = LeafLayout<TKey, TValue>.Find(leaf, entries, bitmap, key, hash, _comparer);
            ulong rest = bitmap & ~(1UL << slot);
            isDone = slot < 0;
            if (slot >= 0 && rest != 0)
            {
                value = LeafLayout<TKey, TValue>.Entry(entries, slot)->Value;
                isDone = isRemoved = TryStoreDirect(context, leaf, rest);
            }
        }

        _gate.Release();
        return isDone;
    }

    /// <summary>
    /// Takes the gate and gives the key's leaf, or null where another writer is or was inside. The way down is gone first: taking the gate waits
    /// for the stores of the operation before, and so these and the misses on the way overlap.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private byte* HoldAt(in TKey key, ulong hash)
    {
        _core.ThrowIfUnusable(forWriting: true);
        uint structure = _gate.StructureVersion;
        byte* leaf = FindLeaf(key, hash);
        if (leaf == null || !_gate.TryHold())
        {
            return null;
        }

        if (!_gate.IsUnchanged(structure))
        {
            _gate.Release();
            return null;
        }

        return leaf;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool TryAddDirect(TransactionContext context, byte* leaf, byte* entries, ulong bitmap, int slot, in TKey key, in TValue value, ulong hash)
    {
        TKey newKey = key;
        TValue newValue = value;
        LeafEntry<TKey, TValue>* entry = LeafLayout<TKey, TValue>.Entry(entries, slot);
        TransactionContext.Prefetch((byte*)entry);
        byte* prints = leaf + LeafLayout<TKey, TValue>.FingerprintsAt + (slot & ~7);
        int shift = (slot & 7) * 8;
        ulong newPrints = (*(ulong*)prints & ~(0xffUL << shift)) | ((ulong)LeafLayout<TKey, TValue>.Fingerprint(hash) << shift);
        ulong newBitmap = bitmap | (1UL << slot);
        byte* count = CountHome;
        ulong newCount = *(ulong*)count + 1;

        int entryWords = (sizeof(LeafEntry<TKey, TValue>) + sizeof(ulong) - 1) / sizeof(ulong);
        ulong* words = context.DirectEntries;
        words[0] = LogEntry.Tag(LogEntry.Write, (byte*)entry - _start, sizeof(LeafEntry<TKey, TValue>));
        words[entryWords] = 0;
        ((LeafEntry<TKey, TValue>*)(words + 1))->Key = newKey;
        ((LeafEntry<TKey, TValue>*)(words + 1))->Value = newValue;
        words += 1 + entryWords;
        words[0] = LogEntry.Tag(LogEntry.Write, prints - _start, sizeof(ulong));
        words[1] = newPrints;
        words[2] = LogEntry.Tag(LogEntry.Write, leaf - _start, sizeof(ulong));
        words[3] = newBitmap;
        words[4] = LogEntry.Tag(LogEntry.Write, count - _start, sizeof(ulong));
        words[5] = newCount;
        if (!context.TryAppendDirect((entryWords + 7) * sizeof(ulong)))
        {
            return false;
        }

        uint* version = _gate.BeginChange(leaf - _start);
        MediumPort medium = _core.Medium;
        entry->Key = newKey;
        entry->Value = newValue;
        medium.Stored(PersistSite.StoreHome, (byte*)entry, sizeof(LeafEntry<TKey, TValue>));
        medium.Store(PersistSite.StoreHome, prints, newPrints);
        medium.Store(PersistSite.StoreHome, leaf, newBitmap);
        medium.Store(PersistSite.StoreHome, count, newCount);
        CollectionGate.EndChange(version);
        context.EndDirect();
        return true;
    }

    /// <summary>Takes an entry out of the bitmap.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool TryStoreDirect(TransactionContext context, byte* leaf, ulong newBitmap)
    {
        byte* count = CountHome;
        ulong newCount = *(ulong*)count - 1;
        ulong* words = context.DirectEntries;
        words[0] = LogEntry.Tag(LogEntry.Write, leaf - _start, sizeof(ulong));
        words[1] = newBitmap;
        words[2] = LogEntry.Tag(LogEntry.Write, count - _start, sizeof(ulong));
        words[3] = newCount;
        if (!context.TryAppendDirect(4 * sizeof(ulong)))
        {
            return false;
        }

        uint* version = _gate.BeginChange(leaf - _start);
        MediumPort medium = _core.Medium;
        medium.Store(PersistSite.StoreHome, leaf, newBitmap);
        medium.Store(PersistSite.StoreHome, count, newCount);
        CollectionGate.EndChange(version);
        context.EndDirect();
        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool TryReplaceDirect(TransactionContext context, byte* leaf, LeafEntry<TKey, TValue>* entry, in TValue value)
    {
        TValue newValue = value;
        int valueWords = (sizeof(TValue) + sizeof(ulong) - 1) / sizeof(ulong);
        ulong* words = context.DirectEntries;
        words[0] = LogEntry.Tag(LogEntry.Write, (byte*)&entry->Value - _start, sizeof(TValue));
        words[valueWords] = 0;
        *(TValue*)(words + 1) = newValue;
        if (!context.TryAppendDirect((1 + valueWords) * sizeof(ulong)))
        {
            return false;
        }

        uint* version = _gate.BeginChange(leaf - _start);
        entry->Value = newValue;
        _core.Medium.Stored(PersistSite.StoreHome, (byte*)&entry->Value, sizeof(TValue));
        CollectionGate.EndChange(version);
        context.EndDirect();
        return true;
    }

    private byte* CountHome
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => _start + _header + ScmBTreeHeader.CountAt;
    }
}
