using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Cscm.Memory.Allocation;
using Cscm.Memory.Media;
using Cscm.Memory.Transactions;

namespace Cscm.Memory.Collections;

/// <summary>
/// A byte string as a key: where it is, how long, and its first eight bytes as a big-endian word, which decide most comparisons. The offset
/// counts from the start of the heap also for a string outside it, the one that is looked for.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal record struct ByteKey
{
    public long Offset;
    public long Length;
    public ulong Prefix;

    public static unsafe ByteKey Of(HeapCore core, byte* content, int length) =>
        new() { Offset = content - core.Start, Length = length, Prefix = PrefixOf(new ReadOnlySpan<byte>(content, length)) };

    private static ulong PrefixOf(ReadOnlySpan<byte> content)
    {
        Span<byte> word = stackalloc byte[8];
        word.Clear();
        content[..Math.Min(8, content.Length)].CopyTo(word);
        return BinaryPrimitives.ReadUInt64BigEndian(word);
    }
}

/// <summary>Compares byte strings byte by byte, a shorter one before its continuations.</summary>
internal readonly unsafe struct ByteKeyComparer(HeapCore core) : IScmKeyComparer<ByteKey>, IKeyOwner<ByteKey>
{
    public int Compare(in ByteKey left, in ByteKey right) =>
        left.Prefix != right.Prefix ? left.Prefix.CompareTo(right.Prefix) : Trusted(left).SequenceCompareTo(Stored(right));

    public bool AreEqual(in ByteKey left, in ByteKey right) =>
        left.Prefix == right.Prefix && left.Length == right.Length && Trusted(left).SequenceEqual(Stored(right));

    public ulong Hash(in ByteKey key)
    {
        ReadOnlySpan<byte> content = Trusted(key);
        ulong hash = MediaHash.Mix((ulong)content.Length, 0);
        while (content.Length >= 8)
        {
            hash = MediaHash.Mix(hash ^ BinaryPrimitives.ReadUInt64LittleEndian(content), (ulong)content.Length);
            content = content[8..];
        }

        ulong rest = 0;
        for (int i = 0; i < content.Length; i++)
        {
            rest |= (ulong)content[i] << (8 * i);
        }

        ulong mixed = MediaHash.Mix(hash ^ rest, (ulong)content.Length + 1);
        return mixed ^ (mixed << 32);
    }

    public ByteKey Copy(TransactionContext context, in ByteKey key) => key with { Offset = ByteValue.Store(context, Trusted(key)) };

    public void Free(TransactionContext context, in ByteKey key) => ByteValue.Free(context, key.Offset);

    public void Visit(PointerVisitor visitor, in ByteKey key) => visitor.Visit(new Ptr<byte>(key.Offset));

    private ReadOnlySpan<byte> Trusted(in ByteKey key) => new(core.Start + key.Offset, (int)key.Length);

    /// <summary>The bytes; none where a reader sees a key that is just being overwritten, and will look again.</summary>
    private ReadOnlySpan<byte> Stored(in ByteKey key) =>
        (ulong)key.Length <= int.MaxValue && (ulong)key.Offset <= (ulong)(core.Geometry.SizeBytes - key.Length) ? Trusted(key) : default;
}

/// <summary>What a tree or map of byte strings stores for a key: the block of the key, and the value.</summary>
[StructLayout(LayoutKind.Sequential)]
internal record struct ByteValue
{
    public long KeyOffset;
    public long Offset;
    public long Length;

    /// <summary>The value's bytes, copied; the caller then validates that nothing has changed.</summary>
    public readonly unsafe byte[] Copy(HeapCore core) =>
        Length == 0 ? [] : new ReadOnlySpan<byte>(core.Start + Offset, checked((int)Length)).ToArray();

    /// <summary>A new block with this content; 0 for none.</summary>
    public static unsafe long Store(TransactionContext context, ReadOnlySpan<byte> content)
    {
        if (content.IsEmpty)
        {
            return 0;
        }

        long offset = context.Allocate(content.Length, 16, zeroed: false).Offset;
        content.CopyTo(new Span<byte>(context.Core.Start + offset, content.Length));
        return offset;
    }

    public static void Free(TransactionContext context, long offset)
    {
        if (offset != 0)
        {
            context.Free(context.Core.Allocator.TryFind(offset, out Block block)
                ? block
                : throw context.Core.Corrupt(offset, "no block starts where a byte string should be", "Restore the heap from a backup"));
        }
    }
}
