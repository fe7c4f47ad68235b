namespace Cscm.Memory.Allocation;

/// <summary>
/// The chunks that nothing occupies, as maximal spans: best fit, lowest address first; neighbours merge. Not thread-safe.
/// </summary>
internal sealed class FreeSpans
{
    private readonly SortedSet<(int Count, int First)> _bySize = [];
    private readonly Dictionary<int, int> _countByFirst = [];
    private readonly Dictionary<int, int> _firstByEnd = [];

    public long FreeChunks { get; private set; }

    public int LargestSpan => _bySize.Count == 0 ? 0 : _bySize.Max.Count;

    public int SpanCount => _bySize.Count;

    /// <summary>Takes a span of chunks that starts at a multiple of the alignment (by the given address), or returns -1.</summary>
    public int Take(int count, int alignmentChunks, Func<int, long> chunkNumberFromHeapStart)
    {
        foreach ((int spanCount, int first) in _bySize.GetViewBetween((count, 0), (int.MaxValue, int.MaxValue)))
        {
            int skip = 0;
            if (alignmentChunks > 1)
            {
                long number = chunkNumberFromHeapStart(first);
                skip = (int)((alignmentChunks - (number % alignmentChunks)) % alignmentChunks);
            }

            if (skip + count > spanCount)
            {
                continue;
            }

            Remove(first, spanCount);
            if (skip > 0)
            {
                Insert(first, skip);
            }

            if (spanCount - skip - count > 0)
            {
                Insert(first + skip + count, spanCount - skip - count);
            }

            return first + skip;
        }

        return -1;
    }

    /// <summary>Returns a span. <paramref name="mayMergeBefore"/>/<paramref name="mayMergeAfter"/>: false at the edge of a region.</summary>
    public void Return(int first, int count, bool mayMergeBefore, bool mayMergeAfter)
    {
        if (mayMergeBefore && _firstByEnd.TryGetValue(first, out int before))
        {
            int beforeCount = first - before;
            Remove(before, beforeCount);
            first = before;
            count += beforeCount;
        }

        if (mayMergeAfter && _countByFirst.TryGetValue(first + count, out int afterCount))
        {
            Remove(first + count, afterCount);
            count += afterCount;
        }

        Insert(first, count);
    }

    private void Insert(int first, int count)
    {
        _bySize.Add((count, first));
        _countByFirst.Add(first, count);
        _firstByEnd.Add(first + count, first);
        FreeChunks += count;
    }

    private void Remove(int first, int count)
    {
        _bySize.Remove((count, first));
        _countByFirst.Remove(first);
        _firstByEnd.Remove(first + count);
        FreeChunks -= count;
    }
}
