using System.Runtime.CompilerServices;
using Cscm.Memory.Media;
using Cscm.Memory.Transactions;

namespace Cscm.Memory.Collections;

/// <summary>How an entry gets into a leaf through the log: the entry, the word with its fingerprint, the bitmap.</summary>
internal static unsafe class LeafEdits
{
    /// <summary>Stages the addition to a leaf with room, and the new count, as the only operation of its transaction.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StageAdd<TKey, TValue>(
        TransactionContext context, byte* leaf, long offset, long entriesOffset, ulong bitmap, int slot, LeafEntry<TKey, TValue> entry, ulong hash, long countOffset, long count)
        where TKey : unmanaged
        where TValue : unmanaged
    {
        long entryOffset = entriesOffset + LeafLayout<TKey, TValue>.EntryAt(slot);
        long word = LeafLayout<TKey, TValue>.FingerprintsAt + (slot & ~7);
        int shift = (slot & 7) * 8;
        ulong prints = (*(ulong*)(leaf + word) & ~(0xffUL << shift)) | ((ulong)LeafLayout<TKey, TValue>.Fingerprint(hash) << shift);
        ulong* words;
        if (sizeof(LeafEntry<TKey, TValue>) == 2 * sizeof(ulong))
        {
            // All in one piece, and no call to copy.
            TransactionContext.Prefetch(context.Core.Start + entryOffset);
            words = context.StageEntries(9 * sizeof(ulong));
            words[0] = LogEntry.Tag(LogEntry.Write, entryOffset, 2 * sizeof(ulong));
            words[1] = ((ulong*)&entry)[0];
            words[2] = ((ulong*)&entry)[1];
            words += 3;
        }
        else
        {
            context.Write(entryOffset, (byte*)&entry, sizeof(LeafEntry<TKey, TValue>));
            words = context.StageEntries(6 * sizeof(ulong));
        }

        words[0] = LogEntry.Tag(LogEntry.Write, offset + word, sizeof(ulong));
        words[1] = prints;
        words[2] = LogEntry.Tag(LogEntry.Write, offset, sizeof(ulong));
        words[3] = bitmap | (1UL << slot);
        words[4] = LogEntry.Tag(LogEntry.Write, countOffset, sizeof(ulong));
        words[5] = (ulong)count;
    }

    /// <summary>Adds to a leaf with room through copies of its line and of its entries.</summary>
    public static void Add<TKey, TValue>(
        NodeStore store, TransactionContext context, long offset, byte* leaf, long entriesOffset, byte* entries, int slot, in LeafEntry<TKey, TValue> entry, ulong hash)
        where TKey : unmanaged
        where TValue : unmanaged
    {
        LeafLayout<TKey, TValue>.AddInPlace(leaf, entries, slot, entry, hash);
        store.Stage(context, entriesOffset, entries, LeafLayout<TKey, TValue>.EntryAt(slot), sizeof(LeafEntry<TKey, TValue>));
        store.Stage(context, offset, leaf, LeafLayout<TKey, TValue>.FingerprintsAt + (slot & ~7), sizeof(ulong));
        store.Stage(context, offset, leaf, LeafLayout<TKey, TValue>.BitmapAt, sizeof(ulong));
    }

    /// <summary>Replaces a value through the copy of the entries.</summary>
    public static void Replace<TKey, TValue>(NodeStore store, TransactionContext context, long entriesOffset, byte* entries, int slot, in TValue value)
        where TKey : unmanaged
        where TValue : unmanaged
    {
        TValue* home = &LeafLayout<TKey, TValue>.Entry(entries, slot)->Value;
        *home = value;
        store.Stage(context, entriesOffset, entries, (byte*)home - entries, sizeof(TValue));
    }
}
