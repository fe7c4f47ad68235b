using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Cscm.Memory.Collections;

/// <summary>
/// A leaf on the medium, after FPTree (Oukid et al., SIGMOD 2016): one line with the bitmap of entries in use and a byte of each key's hash;
/// and in a block of its own, that the line points to, both neighbours and the entries, in no order. An insertion so reads one line, and
/// changes one entry and two words of the line; the lines of all leaves lie close together, and stay in the caches (docs/decisions/0021).
/// </summary>
internal static unsafe class LeafLayout<TKey, TValue>
    where TKey : unmanaged
    where TValue : unmanaged
{
    public const int BitmapAt = 0;
    public const int EntriesOffsetAt = 8;
    public const int FingerprintsAt = 16;
    public const int LineBytes = 64;

    // In the block of the entries. They take twelve lines with entries of 16 bytes.
    public const int NextAt = 0;
    public const int PreviousAt = 8;
    public const int FirstEntryAt = 16;

    public const int ManyEntries = 47;
    private const int FewEntries = 8;
    private const int LargeEntryBytes = 256;

    public static int Capacity
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => sizeof(LeafEntry<TKey, TValue>) <= LargeEntryBytes ? ManyEntries : FewEntries;
    }

    /// <summary>Of the block with the entries.</summary>
    public static int EntriesBytes
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => (FirstEntryAt + (Capacity * sizeof(LeafEntry<TKey, TValue>)) + 63) & ~63;
    }

    public static ulong Full
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => (1UL << Capacity) - 1;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Bitmap(byte* leaf) => Volatile.Read(ref *(ulong*)leaf) & Full;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static LeafEntry<TKey, TValue>* Entry(byte* entries, int slot) => (LeafEntry<TKey, TValue>*)(entries + FirstEntryAt) + slot;

    /// <summary>Where an entry is, from the start of its block.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static long EntryAt(int slot) => FirstEntryAt + ((long)slot * sizeof(LeafEntry<TKey, TValue>));

    public static long Next(byte* entries) => *(long*)(entries + NextAt);

    public static long Previous(byte* entries) => *(long*)(entries + PreviousAt);

    /// <summary>The block that holds the entries; it stays the same as long as the leaf lives.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static long EntriesOffset(byte* leaf) => Volatile.Read(ref *(long*)(leaf + EntriesOffsetAt));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static byte Fingerprint(ulong hash) => (byte)(hash >> 56);

    /// <summary>The entry of the key, or -1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Find<TComparer>(byte* leaf, byte* entries, ulong bitmap, in TKey key, ulong hash, TComparer comparer)
        where TComparer : struct, IScmKeyComparer<TKey>
    {
        // The whole line at once: what stands before the fingerprints drops out.
        ulong candidates = (Vector512.Equals(Vector512.Load(leaf), Vector512.Create(Fingerprint(hash))).ExtractMostSignificantBits() >> FingerprintsAt) & bitmap;
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
    public static int PreferredSlot(ulong hash) => LeafSlots.Preferred(hash, Capacity);

    /// <summary>A free slot; the bitmap is not full.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int FreeSlot(ulong bitmap, ulong hash) => LeafSlots.Free(bitmap, Full, PreferredSlot(hash));

    /// <summary>Adds an entry to a leaf that nobody else sees.</summary>
    public static void AddInPlace(byte* leaf, byte* entries, int slot, in LeafEntry<TKey, TValue> entry, ulong hash)
    {
        *Entry(entries, slot) = entry;
        leaf[FingerprintsAt + slot] = Fingerprint(hash);
        *(ulong*)leaf |= 1UL << slot;
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

/// <summary>The choice of slots.</summary>
internal static class LeafSlots
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Preferred(ulong hash, int capacity) => (int)(((hash & 0xffff) * (ulong)capacity) >> 16);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Free(ulong bitmap, ulong full, int preferred)
    {
        ulong free = ~bitmap & full;
        ulong after = free & (ulong.MaxValue << preferred);
        return BitOperations.TrailingZeroCount(after != 0 ? after : free);
    }
}

/// <summary>
/// A bucket of a hash map: a leaf with fewer entries, which follow its line, so that it has no pointer to them, but its depth.
/// </summary>
internal static unsafe class BucketLayout<TKey, TValue>
    where TKey : unmanaged
    where TValue : unmanaged
{
    public const int DepthAt = LeafLayout<TKey, TValue>.EntriesOffsetAt;

    /// <summary>As if there were links before the entries.</summary>
    public const int EntriesAt = LeafLayout<TKey, TValue>.LineBytes - LeafLayout<TKey, TValue>.FirstEntryAt;

    private const int MostEntries = 28;

    public static int Capacity
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Math.Min(MostEntries, LeafLayout<TKey, TValue>.Capacity);
    }

    public static int Bytes
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => (LeafLayout<TKey, TValue>.LineBytes + (Capacity * sizeof(LeafEntry<TKey, TValue>)) + 63) & ~63;
    }

    public static ulong Full
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => (1UL << Capacity) - 1;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Bitmap(byte* bucket) => Volatile.Read(ref *(ulong*)bucket) & Full;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int PreferredSlot(ulong hash) => LeafSlots.Preferred(hash, Capacity);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int FreeSlot(ulong bitmap, ulong hash) => LeafSlots.Free(bitmap, Full, PreferredSlot(hash));
}
