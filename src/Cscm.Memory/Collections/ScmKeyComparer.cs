using System.Runtime.CompilerServices;
using Cscm.Memory.Media;

namespace Cscm.Memory.Collections;

/// <summary>
/// The natural order of a key type. Keys that compare as equal must have equal bytes: structs need a layout without padding, and
/// <see cref="decimal"/> is refused (1.0 and 1.00 are equal but differ). For <see cref="double"/> and <see cref="float"/> both zeros are one key.
/// </summary>
public readonly struct ScmKeyComparer<TKey> : IScmKeyComparer<TKey>
    where TKey : unmanaged, IComparable<TKey>
{
    private const ulong Multiplier = 0x9e3779b97f4a7c15;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int Compare(in TKey left, in TKey right) => left.CompareTo(right);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool AreEqual(in TKey left, in TKey right) =>
        typeof(TKey) == typeof(long) || typeof(TKey) == typeof(ulong)
            ? Unsafe.BitCast<TKey, ulong>(left) == Unsafe.BitCast<TKey, ulong>(right)
            : left.CompareTo(right) == 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public unsafe ulong Hash(in TKey key)
    {
        if (typeof(TKey) == typeof(double) || typeof(TKey) == typeof(float))
        {
            double number = typeof(TKey) == typeof(double) ? Unsafe.BitCast<TKey, double>(key) : Unsafe.BitCast<TKey, float>(key);
            return Spread(double.IsNaN(number) ? ulong.MaxValue : BitConverter.DoubleToUInt64Bits(number + 0.0));
        }

        return sizeof(TKey) switch
        {
            1 => Spread(Unsafe.BitCast<TKey, byte>(key)),
            2 => Spread(Unsafe.BitCast<TKey, ushort>(key)),
            4 => Spread(Unsafe.BitCast<TKey, uint>(key)),
            8 => Spread(Unsafe.BitCast<TKey, ulong>(key)),
            _ => HashBytes(key),
        };
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Spread(ulong value)
    {
        ulong product = (value ^ (value >> 32)) * Multiplier;
        return product ^ (product >> 29);
    }

    private static unsafe ulong HashBytes(TKey key)
    {
        if (typeof(TKey) == typeof(decimal))
        {
            throw new NotSupportedException("decimal keys that are equal may have different bytes. Use a scaled long or Int128.");
        }

        int words = (sizeof(TKey) + 7) / 8;
        ulong* padded = stackalloc ulong[words];
        padded[words - 1] = 0;
        *(TKey*)padded = key;
        return MediaHash.Compute((byte*)padded, words * 8, 0);
    }
}
