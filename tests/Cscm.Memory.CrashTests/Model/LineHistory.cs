namespace Cscm.Memory.CrashTests.Model;

/// <summary>
/// What has happened to one cache line since its content was last certain, and so every content that a power failure could leave.
/// Cached stores reach the medium as a prefix in program order, since a line is evicted whole; the eight-byte words of one store
/// operation have no order among them. Non-temporal words arrive in any order.
/// </summary>
internal sealed class LineHistory
{
    public const int WordsPerLine = 8;

    /// <summary>Past this many words, subsets are sampled instead of enumerated.</summary>
    private const int ExhaustiveWords = 4;

    private readonly List<LineStore> _stores = [];
    private readonly List<(int Thread, int Count)> _writtenBack = [];
    private List<ulong[]>? _contents;

    public bool IsEmpty => _stores.Count == 0;

    public void Add(int thread, bool isStreamed, byte wordMask, ulong[] words)
    {
        _stores.Add(new LineStore(thread, isStreamed, wordMask, words));
        _contents = null;
    }

    /// <summary>The content so far will be certain at this thread's next fence.</summary>
    public void WriteBack(int thread) => _writtenBack.Add((thread, _stores.Count));

    /// <summary>Makes certain what this thread had on its way: folds it into <paramref name="certain"/>.</summary>
    /// <param name="thread">Who fences.</param>
    /// <param name="certain">The line's certain content, updated.</param>
    /// <param name="everything">On page-cache media a sync takes all, write-back or not.</param>
    public void Fence(int thread, Span<ulong> certain, bool everything)
    {
        int count = everything ? _stores.Count : _writtenBack.Where(mark => mark.Thread == thread).Select(mark => mark.Count).DefaultIfEmpty().Max();
        if (!everything)
        {
            // A streamed word takes the line's earlier stores with it: the cache gives the line up.
            for (int i = _stores.Count; i > count; i--)
            {
                if (_stores[i - 1].IsStreamed && _stores[i - 1].Thread == thread)
                {
                    count = i;
                    break;
                }
            }
        }
        for (int i = 0; i < count; i++)
            _stores[i].ApplyTo(certain);
        _stores.RemoveRange(0, count);
        for (int i = _writtenBack.Count - 1; i >= 0; i--)
        {
            (int owner, int upTo) = _writtenBack[i];
            if (owner == thread || everything || upTo <= count)
                _writtenBack.RemoveAt(i);
            else
                _writtenBack[i] = (owner, upTo - count);
        }
        _contents = null;
    }

    /// <summary>All contents (or, for many words, a sample that holds the extremes), the certain one first, the newest last.</summary>
    public IReadOnlyList<ulong[]> Contents(ReadOnlySpan<ulong> certain)
    {
        if (_contents is not null)
            return _contents;
        var contents = new List<ulong[]>();
        var seen = new HashSet<(ulong, ulong, ulong, ulong, ulong, ulong, ulong, ulong)>();
        ulong[] prefix = certain.ToArray();
        AddDistinct(prefix);
        foreach (LineStore store in _stores)
        {
            foreach (byte subset in Subsets(store.WordMask))
            {
                ulong[] torn = [.. prefix];
                store.ApplyTo(torn, subset);
                AddDistinct(torn);
            }
            store.ApplyTo(prefix);
        }
        // Streamed words do not wait for one another either: later stores may have arrived without them.
        if (_stores.Count > 1 && _stores.Exists(store => store.IsStreamed))
            AddWithoutEachStreamed(certain);
        ulong[] newest = [.. prefix];
        contents.RemoveAll(content => content.AsSpan().SequenceEqual(newest));
        contents.Add(newest);
        return _contents = contents;

        void AddDistinct(ulong[] content)
        {
            if (seen.Add((content[0], content[1], content[2], content[3], content[4], content[5], content[6], content[7])))
                contents.Add([.. content]);
        }

        void AddWithoutEachStreamed(ReadOnlySpan<ulong> start)
        {
            for (int skipped = 0; skipped < _stores.Count; skipped++)
            {
                if (!_stores[skipped].IsStreamed)
                    continue;
                ulong[] content = start.ToArray();
                for (int i = 0; i < _stores.Count; i++)
                {
                    if (i != skipped)
                        _stores[i].ApplyTo(content);
                }
                AddDistinct(content);
            }
        }
    }

    private static IEnumerable<byte> Subsets(byte mask)
    {
        int words = System.Numerics.BitOperations.PopCount(mask);
        if (words <= ExhaustiveWords)
        {
            for (int subset = mask; ; subset = (subset - 1) & mask)
            {
                yield return (byte)subset;
                if (subset == 0)
                    yield break;
            }
        }
        yield return mask;
        for (int bit = 0; bit < WordsPerLine; bit++)
        {
            byte word = (byte)(1 << bit);
            if ((mask & word) == 0)
                continue;
            yield return word;
            yield return (byte)(mask & ~word);
            yield return (byte)(mask & (word - 1));
            yield return (byte)(mask & ~(word - 1));
        }
        yield return (byte)(mask & 0x55);
        yield return (byte)(mask & 0xAA);
    }

    private sealed record LineStore(int Thread, bool IsStreamed, byte WordMask, ulong[] Words)
    {
        public void ApplyTo(Span<ulong> line, byte subset = 0xFF)
        {
            for (int word = 0; word < WordsPerLine; word++)
            {
                if ((WordMask & subset & (1 << word)) != 0)
                    line[word] = Words[word];
            }
        }
    }
}
