using System.Runtime.CompilerServices;
using Cscm.Memory.Transactions;

namespace Cscm.Memory.Collections;

/// <summary>How an entry gets into a leaf through the log: the entry, the word with its fingerprint, the bitmap.</summary>
internal static unsafe class LeafEdits
{
    /// <summary>Stages the addition to a leaf with room, as the only operation of its transaction.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StageAdd<TKey, TValue>(TransactionContext context, byte* leaf, long offset, uint bitmap, LeafEntry<TKey, TValue> entry, ulong hash)
        where TKey : unmanaged
        where TValue : unmanaged
    {
        int slot = LeafLayout<TKey, TValue>.FreeSlot(bitmap, hash);
        long entryOffset = offset + LeafLayout<TKey, TValue>.EntryAt(slot);
        if (sizeof(LeafEntry<TKey, TValue>) == 2 * sizeof(ulong))
        {
            // A word of log more, which fits in the same lines, and no call to copy.
            context.Write(entryOffset, ((ulong*)&entry)[0]);
            context.Write(entryOffset + sizeof(ulong), ((ulong*)&entry)[1]);
        }
        else
        {
            context.Write(entryOffset, (byte*)&entry, sizeof(LeafEntry<TKey, TValue>));
        }

        long word = LeafLayout<TKey, TValue>.FingerprintsAt + (slot & ~7);
        ulong prints = *(ulong*)(leaf + word);
        ((byte*)&prints)[slot & 7] = LeafLayout<TKey, TValue>.Fingerprint(hash);
        context.Write(offset + word, prints);
        context.Write(offset, bitmap | (1u << slot));
    }

    /// <summary>Adds to a leaf with room through its copy.</summary>
    public static void Add<TKey, TValue>(NodeStore store, TransactionContext context, long offset, in LeafEntry<TKey, TValue> entry, ulong hash)
        where TKey : unmanaged
        where TValue : unmanaged
    {
        byte* leaf = store.Edit(offset, LeafLayout<TKey, TValue>.Bytes);
        int slot = LeafLayout<TKey, TValue>.FreeSlot(LeafLayout<TKey, TValue>.Bitmap(leaf), hash);
        LeafLayout<TKey, TValue>.AddInPlace(leaf, entry, hash);
        store.Stage(context, offset, leaf, LeafLayout<TKey, TValue>.EntryAt(slot), sizeof(LeafEntry<TKey, TValue>));
        store.Stage(context, offset, leaf, LeafLayout<TKey, TValue>.FingerprintsAt + (slot & ~7), sizeof(ulong));
        store.Stage(context, offset, leaf, LeafLayout<TKey, TValue>.BitmapAt, sizeof(ulong));
    }

    /// <summary>Replaces a value through the leaf's copy.</summary>
    public static void Replace<TKey, TValue>(NodeStore store, TransactionContext context, long offset, int slot, in TValue value)
        where TKey : unmanaged
        where TValue : unmanaged
    {
        byte* leaf = store.Edit(offset, LeafLayout<TKey, TValue>.Bytes);
        TValue* home = &LeafLayout<TKey, TValue>.Entry(leaf, slot)->Value;
        *home = value;
        store.Stage(context, offset, leaf, (byte*)home - leaf, sizeof(TValue));
    }
}
