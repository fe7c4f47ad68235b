using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Cscm.Memory.Collections;

/// <summary>
/// A leaf on the medium, as in FPTree (Oukid et al., SIGMOD 2016): one line with the bitmap of entries in use, both neighbours and a
/// byte of each key's hash; and the entries, in no order. An insertion so changes one entry and two words of the line.
/// The entries follow the line (buckets of hash maps), or are a block of their own that the line points to (leaves of trees, see docs/decisions/0021).
/// </summary>
internal static unsafe class LeafLayout<TKey, TValue>
    where TKey : unmanaged
    where TValue : unmanaged
{
    public const int BitmapAt = 0;
    public const int NextAt = 8;
    public const int PreviousAt = 16;
    public const int EntriesOffsetAt = 24;
    public const int FingerprintsAt = 32;
    public const int LineBytes = 64;

    public const int ManyEntries = 28;
    private const int FewEntries = 8;
    private const int LargeEntryBytes = 256;

    public static int Capacity
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => sizeof(LeafEntry<TKey, TValue>) <= LargeEntryBytes ? ManyEntries : FewEntries;
    }

    /// <summary>Of the entries alone.</summary>
    public static int EntriesBytes
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => ((Capacity * sizeof(LeafEntry<TKey, TValue>)) + 63) & ~63;
    }

    public static uint Full
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => (1u << Capacity) - 1;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Bitmap(byte* leaf) => Volatile.Read(ref *(uint*)leaf) & Full;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static LeafEntry<TKey, TValue>* Entry(byte* entries, int slot) => (LeafEntry<TKey, TValue>*)entries + slot;

    /// <summary>Where an entry is, from the start of the entries.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static long EntryAt(int slot) => (long)slot * sizeof(LeafEntry<TKey, TValue>);

    public static long Next(byte* leaf) => *(long*)(leaf + NextAt);

    public static long Previous(byte* leaf) => *(long*)(leaf + PreviousAt);

    /// <summary>The block of a tree's leaf that holds its entries; it stays the same as long as the leaf lives.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static long EntriesOffset(byte* leaf) => Volatile.Read(ref *(long*)(leaf + EntriesOffsetAt));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static byte Fingerprint(ulong hash) => (byte)(hash >> 56);

    /// <summary>The entry of the key, or -1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Find<TComparer>(byte* leaf, byte* entries, uint bitmap, in TKey key, ulong hash, TComparer comparer)
        where TComparer : struct, IScmKeyComparer<TKey>
    {
        uint candidates = Vector256.Equals(Vector256.Load(leaf + FingerprintsAt), Vector256.Create(Fingerprint(hash))).ExtractMostSignificantBits() & bitmap;
        for (; candidates != 0; candidates &= candidates - 1)
        {
            int slot = BitOperations.TrailingZeroCount(candidates);
            if (comparer.AreEqual(key, Entry(entries, slot)->Key))
            {
                return slot;
            }
        }

        return -1;
    }

    /// <summary>
    /// Where the key's entry most likely is: a free slot at or after this one is chosen on insertion, so that a lookup can fetch its line
    /// together with the leaf's.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int PreferredSlot(ulong hash) => (int)(((hash & 0xffff) * (ulong)Capacity) >> 16);

    /// <summary>A free slot; the bitmap is not full.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int FreeSlot(uint bitmap, ulong hash)
    {
        uint free = ~bitmap & Full;
        uint after = free & (uint.MaxValue << PreferredSlot(hash));
        return BitOperations.TrailingZeroCount(after != 0 ? after : free);
    }

    /// <summary>Adds an entry to a leaf that nobody else sees.</summary>
    public static void AddInPlace(byte* leaf, byte* entries, in LeafEntry<TKey, TValue> entry, ulong hash)
    {
        uint bitmap = Bitmap(leaf);
        int slot = FreeSlot(bitmap, hash);
        *Entry(entries, slot) = entry;
        leaf[FingerprintsAt + slot] = Fingerprint(hash);
        *(ulong*)leaf = bitmap | (1u << slot);
    }
}

/// <summary>One entry of a leaf.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct LeafEntry<TKey, TValue>
    where TKey : unmanaged
    where TValue : unmanaged
{
    public TKey Key;
    public TValue Value;
}

/// <summary>A bucket of a hash map: a leaf whose entries follow its line.</summary>
internal static unsafe class BucketLayout<TKey, TValue>
    where TKey : unmanaged
    where TValue : unmanaged
{
    public const int EntriesAt = LeafLayout<TKey, TValue>.LineBytes;

    public static int Bytes
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => EntriesAt + LeafLayout<TKey, TValue>.EntriesBytes;
    }
}
