using System.Runtime.InteropServices;

namespace Cscm.Memory;

/// <summary>
/// A persistent pointer: the byte offset of a <typeparamref name="T"/> from the start of its heap. Zero is null.
/// It is unmanaged and eight bytes long, so it may be stored in the heap and stays valid at any base address.
/// </summary>
[StructLayout(LayoutKind.Sequential, Size = 8)]
public readonly record struct Ptr<T>(long Offset)
    where T : unmanaged
{
    public bool IsNull => Offset == 0;

    /// <summary>The same address seen as another type. The caller vouches for the type.</summary>
    public Ptr<TOther> Cast<TOther>()
        where TOther : unmanaged => new(Offset);

    /// <summary>The address <paramref name="index"/> elements further on.</summary>
    public unsafe Ptr<T> Element(long index) => new(checked(Offset + (index * sizeof(T))));

    public override string ToString() => IsNull ? "null" : $"0x{Offset:x}";
}

/// <summary>A persistent pointer to <see cref="Length"/> elements: arrays and byte strings. Sixteen bytes, unmanaged.</summary>
[StructLayout(LayoutKind.Sequential, Size = 16)]
public readonly record struct PtrSpan<T>(Ptr<T> Start, long Length)
    where T : unmanaged
{
    public bool IsEmpty => Length == 0;

    /// <summary>A part of this span. Throws <see cref="ArgumentOutOfRangeException"/> when it leaves the span.</summary>
    public PtrSpan<T> Slice(long start, long length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(start);
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, Length - start);
        return new(Start.Element(start), length);
    }
}
