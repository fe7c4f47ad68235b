namespace Cscm.Memory.CrashTests.Model;

/// <summary>One uncertain line with the content that a failure left it with.</summary>
internal readonly record struct LineChoice(int Line, ulong[] Content);

/// <summary>
/// The states that a power failure at this moment could leave: every combination of the uncertain lines' contents where they are few,
/// otherwise the extremes (nothing arrived, everything did, each line alone, each line lagging) and a seeded sample.
/// </summary>
internal static class CrashStates
{
    public const int ExhaustiveLimit = 4096;

    public static IEnumerable<LineChoice[]> Enumerate(MediumModel model, int sampleCount, Random random)
    {
        int[] lines = [.. model.Uncertain.Keys];
        IReadOnlyList<ulong[]>[] contents = [.. lines.Select(line => model.Uncertain[line].Contents(model.CertainLine(line)))];
        long product = 1;
        foreach (IReadOnlyList<ulong[]> options in contents)
            product = Math.Min(product * options.Count, long.MaxValue / 256);
        return product <= Math.Max(sampleCount, 1) || product <= Math.Min(ExhaustiveLimit, 16L * sampleCount)
            ? All(lines, contents)
            : Sample(lines, contents, sampleCount, random);
    }

    private static IEnumerable<LineChoice[]> All(int[] lines, IReadOnlyList<ulong[]>[] contents)
    {
        int[] index = new int[lines.Length];
        while (true)
        {
            yield return Choose(lines, contents, index);
            int digit = 0;
            while (digit < index.Length && ++index[digit] == contents[digit].Count)
                index[digit++] = 0;
            if (digit == index.Length)
                yield break;
        }
    }

    private static IEnumerable<LineChoice[]> Sample(int[] lines, IReadOnlyList<ulong[]>[] contents, int sampleCount, Random random)
    {
        int[] oldest = new int[lines.Length];
        int[] newest = [.. contents.Select(options => options.Count - 1)];
        yield return Choose(lines, contents, oldest);
        yield return Choose(lines, contents, newest);
        // Extremes of single lines, a random few where there are many.
        foreach (int i in Indexes(lines.Length, sampleCount / 4, random))
        {
            yield return Choose(lines, contents, With(oldest, i, newest[i]));
            yield return Choose(lines, contents, With(newest, i, 0));
        }
        for (int i = 0; i < sampleCount; i++)
        {
            // Half of the samples stay near an extreme, where mistakes hide; half are anywhere.
            int[] index = (i & 3) switch
            {
                0 => Near(oldest, contents, random),
                1 => Near(newest, contents, random),
                _ => [.. contents.Select(options => random.Next(options.Count))],
            };
            yield return Choose(lines, contents, index);
        }
    }

    private static IEnumerable<int> Indexes(int count, int wanted, Random random)
        => count <= wanted ? Enumerable.Range(0, count) : Enumerable.Range(0, wanted).Select(_ => random.Next(count));

    private static int[] Near(int[] extreme, IReadOnlyList<ulong[]>[] contents, Random random)
    {
        int[] index = [.. extreme];
        for (int changes = random.Next(1, 4); changes > 0; changes--)
        {
            int line = random.Next(index.Length);
            index[line] = random.Next(contents[line].Count);
        }
        return index;
    }

    private static int[] With(int[] index, int position, int value)
    {
        int[] copy = [.. index];
        copy[position] = value;
        return copy;
    }

    private static LineChoice[] Choose(int[] lines, IReadOnlyList<ulong[]>[] contents, int[] index)
    {
        var choices = new LineChoice[lines.Length];
        for (int i = 0; i < lines.Length; i++)
            choices[i] = new LineChoice(lines[i], contents[i][index[i]]);
        return choices;
    }
}
