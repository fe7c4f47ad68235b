namespace Cscm.Memory.Collections;

/// <summary>
/// The order and the hash of keys, as a struct, so that calls are direct. Both are part of what is stored: they must never change for
/// the same keys. Implementations tolerate any content on the right side: there, readers may show them a key that is just being overwritten.
/// </summary>
public interface IScmKeyComparer<TKey>
    where TKey : unmanaged
{
    /// <summary>Negative, zero or positive as <paramref name="left"/> is before, equal to or after <paramref name="right"/>.</summary>
    public int Compare(in TKey left, in TKey right);

    /// <summary>Whether <see cref="Compare"/> would give zero.</summary>
    public bool AreEqual(in TKey left, in TKey right);

    /// <summary>Equal keys have equal hashes; all 64 bits are well mixed.</summary>
    public ulong Hash(in TKey key);
}

/// <summary>
/// For keys that point to memory of their own: a tree keeps copies of some keys in its inner nodes, which outlive the entries they came from.
/// </summary>
internal interface IKeyOwner<TKey>
    where TKey : unmanaged
{
    /// <summary>A copy of the key with memory of its own.</summary>
    public TKey Copy(Transactions.TransactionContext context, in TKey key);

    /// <summary>Frees what <see cref="Copy"/> allocated.</summary>
    public void Free(Transactions.TransactionContext context, in TKey key);

    /// <summary>Reports the memory of a copy to a check.</summary>
    public void Visit(PointerVisitor visitor, in TKey key);
}
