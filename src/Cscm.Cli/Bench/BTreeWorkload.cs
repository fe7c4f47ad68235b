using Cscm.Memory;
using Cscm.Memory.Collections;

namespace Cscm.Cli.Bench;

/// <summary>
/// Orders in a heap: a B+tree from key to content and one back, both changed in one transaction. Key and content follow from the
/// order's number, so that any run can tell what must be there. Not thread-safe.
/// </summary>
internal sealed class BTreeWorkload(ScmHeap heap)
{
    private readonly ScmHeap _heap = heap;
    private readonly ScmBTree<ulong, ulong> _byKey = new(heap, "orders");
    private readonly ScmBTree<ulong, ulong> _byContent = new(heap, "orders by content");

    public long Count => _byKey.Count;

    public void Insert(long number)
    {
        ulong key = KeyOf(number), content = ContentOf(key);
        using Transaction transaction = _heap.Begin();
        if (!_byKey.TryAdd(key, content) || !_byContent.TryAdd(content, key))
            throw new WorkloadException($"order {number} is already there, though there are only {Count}: the heap does not hold what its commits said");
        transaction.Commit();
    }

    /// <returns>How many orders there are: exactly those from 1 on.</returns>
    /// <exception cref="WorkloadException">One is missing, one is too many, or one is in one tree only.</exception>
    public long Verify()
    {
        long count = _byKey.Count;
        if (_byContent.Count != count)
            throw new WorkloadException($"one tree holds {count} orders and the other {_byContent.Count}: a transaction took effect by half");
        for (long number = 1; number <= count; number++)
        {
            ulong key = KeyOf(number);
            if (!_byKey.TryGetValue(key, out ulong content) || content != ContentOf(key))
                throw new WorkloadException($"order {number} of {count} is missing or wrong");
            if (!_byContent.TryGetValue(content, out ulong back) || back != key)
                throw new WorkloadException($"order {number} of {count} is in one tree only: a transaction took effect by half");
        }
        RequireOrdered(_byKey, count);
        RequireOrdered(_byContent, count);
        return count;
    }

    private static void RequireOrdered(ScmBTree<ulong, ulong> tree, long count)
    {
        long seen = 0;
        ulong previous = 0;
        foreach ((ulong key, _) in tree)
        {
            if (seen++ > 0 && key <= previous)
                throw new WorkloadException($"a scan finds key {key} after {previous}: the tree is out of order");
            previous = key;
        }
        if (seen != count)
            throw new WorkloadException($"a scan finds {seen} entries where {count} were counted");
    }

    private static ulong KeyOf(long number) => Mix((ulong)number);

    private static ulong ContentOf(ulong key) => Mix(key ^ 0x9E3779B97F4A7C15);

    /// <summary>A bijection that scatters (S. Vigna's splitmix64 finaliser): distinct numbers have distinct keys.</summary>
    private static ulong Mix(ulong value)
    {
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
        value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
        return value ^ (value >> 31);
    }
}
