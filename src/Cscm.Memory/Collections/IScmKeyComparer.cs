namespace Cscm.Memory.Collections;

/// <summary>
/// The order and the hash of keys, as a struct, so that calls are direct. Both are part of what is stored: they must never change for
/// the same keys. Implementations tolerate any content: readers may show them a key that is just being overwritten.
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
