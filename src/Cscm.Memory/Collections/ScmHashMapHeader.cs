using System.Runtime.InteropServices;

namespace Cscm.Memory.Collections;

/// <summary>
/// What a heap keeps of a hash map: a line, then one line for each of its shards. Put it in a root or allocate it (zeroed: an empty map).
/// Only <see cref="ScmHashMap{TKey,TValue}"/> reads and writes it.
/// </summary>
[StructLayout(LayoutKind.Explicit, Size = Size)]
public struct ScmHashMapHeader
{
    internal const int ShardBits = 4;
    internal const int ShardCount = 1 << ShardBits;
    internal const int ShardBytes = 64;
    internal const int Size = ShardBytes * (1 + ShardCount);

    /// <summary>Identifies the types of keys and values; zero: never opened.</summary>
    [FieldOffset(0)]
    internal ulong Layout;
}

/// <summary>One shard: an extendible hash table (Fagin et al., 1979) of its own, with its own lock.</summary>
[StructLayout(LayoutKind.Explicit, Size = ScmHashMapHeader.ShardBytes)]
internal struct ShardHeader
{
    public const int DirectoryAt = 0;
    public const int DepthAt = 8;
    public const int CountAt = 16;

    /// <summary>An array of 2^depth offsets of buckets; null: the shard is empty and never had an entry.</summary>
    [FieldOffset(DirectoryAt)]
    public long Directory;

    [FieldOffset(DepthAt)]
    public long Depth;

    [FieldOffset(CountAt)]
    public long Count;
}
