using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Cscm.Memory.Collections.Trees;

/// <summary>
/// An inner node on the medium: the number of keys, the keys in order, the children. Child i holds the keys from key i-1 on, up to but not
/// including key i. It changes only when a node below is split or freed.
/// </summary>
internal static unsafe class InnerLayout<TKey>
    where TKey : unmanaged
{
    public const int CountAt = 0;
    public const int KeysAt = 16;
    private const int UsualBytes = 1024;
    private const int MaxWords = 64;
    private const int LargeKeyBytes = 24;
    private const int LargeKeyCapacity = 31;

    public static int Bytes
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => sizeof(TKey) <= LargeKeyBytes ? UsualBytes : (KeysAt + 16 + (LargeKeyCapacity * (sizeof(TKey) + sizeof(long))) + 63) & ~63;
    }

    /// <summary>The most keys; there is one child more.</summary>
    public static int Capacity
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => (Bytes - KeysAt - 15) / (sizeof(TKey) + sizeof(long));
    }

    public static int ChildrenAt
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => (KeysAt + (Capacity * sizeof(TKey)) + 7) & ~7;
    }

    /// <summary>Never more than the capacity, whatever a torn or damaged node says.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Count(byte* node) => (int)Math.Min(*(ulong*)node, (ulong)Capacity);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TKey* Keys(byte* node) => (TKey*)(node + KeysAt);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static long* Children(byte* node) => (long*)(node + ChildrenAt);

    /// <summary>The child that the key belongs to: the number of keys not after it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Find<TComparer>(byte* node, in TKey key, TComparer comparer)
        where TComparer : struct, IScmKeyComparer<TKey>
    {
        if (typeof(TComparer) == typeof(ScmKeyComparer<long>))
        {
            return FindWord((long*)Keys(node), Count(node), Unsafe.As<TKey, long>(ref Unsafe.AsRef(in key)));
        }

        if (typeof(TComparer) == typeof(ScmKeyComparer<ulong>))
        {
            return FindWord((ulong*)Keys(node), Count(node), Unsafe.As<TKey, ulong>(ref Unsafe.AsRef(in key)));
        }

        TKey* keys = Keys(node);
        int low = 0;
        int high = Count(node);
        while (low < high)
        {
            int middle = (int)((uint)(low + high) >> 1);
            if (comparer.Compare(key, keys[middle]) >= 0)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        return low;
    }

    /// <summary>
    /// Counts without branches, neither on the keys nor on their number, which no predictor knows. Reads all places for keys, also those not
    /// in use, and up to a vector beyond, which is still inside the node.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int FindWord<TWord>(TWord* keys, int count, TWord key)
        where TWord : unmanaged, IBinaryInteger<TWord>
    {
        ulong notAfter = 0;
        if (Vector512.IsHardwareAccelerated)
        {
            Vector512<TWord> wanted = Vector512.Create(key);
            notAfter = Vector512.LessThanOrEqual(Vector512.Load(keys), wanted).ExtractMostSignificantBits()
                | (Vector512.LessThanOrEqual(Vector512.Load(keys + 8), wanted).ExtractMostSignificantBits() << 8)
                | (Vector512.LessThanOrEqual(Vector512.Load(keys + 16), wanted).ExtractMostSignificantBits() << 16)
                | (Vector512.LessThanOrEqual(Vector512.Load(keys + 24), wanted).ExtractMostSignificantBits() << 24)
                | (Vector512.LessThanOrEqual(Vector512.Load(keys + 32), wanted).ExtractMostSignificantBits() << 32)
                | (Vector512.LessThanOrEqual(Vector512.Load(keys + 40), wanted).ExtractMostSignificantBits() << 40)
                | (Vector512.LessThanOrEqual(Vector512.Load(keys + 48), wanted).ExtractMostSignificantBits() << 48)
                | (Vector512.LessThanOrEqual(Vector512.Load(keys + 56), wanted).ExtractMostSignificantBits() << 56);
        }
        else
        {
            Vector256<TWord> wanted = Vector256.Create(key);
            for (int i = 0; i < MaxWords; i += Vector256<TWord>.Count)
            {
                notAfter |= (ulong)Vector256.LessThanOrEqual(Vector256.Load(keys + i), wanted).ExtractMostSignificantBits() << i;
            }
        }

        return BitOperations.PopCount(notAfter & ((1UL << count) - 1));
    }
}
