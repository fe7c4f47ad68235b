using Cscm.Memory.Collections;
using Cscm.Memory.CrashTests.Exploration;

namespace Cscm.Memory.CrashTests.Scenarios;

/// <summary>A collection's own acts, several in a transaction: what its structure is made of must change as one.</summary>
internal abstract class CollectionScenario : CrashScenario
{
    protected const string Name0 = "collection";

    public override long HeapBytes => 2 << 20;

    public override ScmHeapOptions Options => new() { LaneCount = 2, LogBytes = 2 * 32 * 1024 };

    public override int StepCount => 16;

    public override int SamplesPerEvent => 10;

    public override void Step(ScmHeap heap, int step)
    {
        using Transaction tx = heap.Begin();
        Act(heap, step, new Random(step * 104_729));
        tx.Commit();
        if (step % 6 == 5)
            heap.Checkpoint();
    }

    protected abstract void Act(ScmHeap heap, int step, Random random);
}

/// <summary>Enough insertions for leaves to split, and removals for them to empty.</summary>
internal sealed class BTreeScenario : CollectionScenario
{
    public override void SetUp(ScmHeap heap)
    {
        var tree = new ScmBTree<ulong, ulong>(heap, Name0);
        for (ulong key = 0; key < 40; key++)
            tree.Set(key * 977 % 1009, key);
    }

    protected override void Act(ScmHeap heap, int step, Random random)
    {
        var tree = new ScmBTree<ulong, ulong>(heap, Name0);
        for (int i = 0; i < 6; i++)
            tree.Set((ulong)random.Next(1009), (ulong)((step * 100) + i));
        for (int i = 0; i < 4; i++)
            tree.Remove((ulong)random.Next(1009));
    }

    public override ulong Observe(ScmHeap heap, int track)
    {
        var tree = new ScmBTree<ulong, ulong>(heap, Name0);
        IReadOnlyList<string> problems = tree.Verify();
        if (problems.Count > 0)
            throw new InvalidOperationException(problems[0]);
        ulong fingerprint = (ulong)tree.Count;
        foreach ((ulong key, ulong value) in tree)
            fingerprint = Fold(Fold(fingerprint, key), value);
        return fingerprint;
    }
}

/// <summary>
/// Operations of a B+tree that are transactions of their own: those inside one leaf take the shortest way to the log. A small log, so that
/// they meet full lanes and new laps.
/// </summary>
internal class SingleOperationsScenario : CrashScenario
{
    private const string Root = "operations";

    public override long HeapBytes => 2 << 20;

    public override int StepCount => 160;

    public override int SamplesPerEvent => 12;

    protected virtual int KeyCount => 160;

    public override void SetUp(ScmHeap heap)
    {
        var tree = new ScmBTree<ulong, ulong>(heap, Root);
        for (ulong key = 0; key < (ulong)KeyCount; key += 2)
            tree.Set(key, key);
    }

    public override void Step(ScmHeap heap, int step)
    {
        Assert.True(heap.Core.Context.IsDirect, "the scenario is there for the direct way");
        var random = new Random(step * 104_729);
        var tree = new ScmBTree<ulong, ulong>(heap, Root);
        ulong key = (ulong)random.Next(KeyCount);
        // More go in than come out, so that leaves are split too.
        if (random.Next(3) == 0)
            tree.Remove(key);
        else
            tree.Set(key, (ulong)step * 1000);
    }

    public override ulong Observe(ScmHeap heap, int track)
    {
        var tree = new ScmBTree<ulong, ulong>(heap, Root);
        IReadOnlyList<string> problems = tree.Verify();
        if (problems.Count > 0)
            throw new InvalidOperationException(problems[0]);
        ulong fingerprint = (ulong)tree.Count;
        foreach ((ulong key, ulong value) in tree)
            fingerprint = Fold(Fold(fingerprint, key), value);
        return fingerprint;
    }
}

/// <summary>So few keys that no operation leaves the one leaf.</summary>
internal sealed class OneLeafScenario : SingleOperationsScenario
{
    public override int StepCount => 40;

    protected override int KeyCount => 40;
}

internal sealed class HashMapScenario : CollectionScenario
{
    public override void SetUp(ScmHeap heap) => _ = new ScmHashMap<ulong, ulong>(heap, Name0);

    protected override void Act(ScmHeap heap, int step, Random random)
    {
        var map = new ScmHashMap<ulong, ulong>(heap, Name0);
        for (int i = 0; i < 6; i++)
            map.Set((ulong)random.Next(200), (ulong)((step * 100) + i));
        for (int i = 0; i < 3; i++)
            map.Remove((ulong)random.Next(200));
    }

    public override ulong Observe(ScmHeap heap, int track)
    {
        var map = new ScmHashMap<ulong, ulong>(heap, Name0);
        ulong fingerprint = (ulong)map.Count;
        foreach ((ulong key, ulong value) in map.OrderBy(pair => pair.Key))
            fingerprint = Fold(Fold(fingerprint, key), value);
        return fingerprint;
    }
}

internal sealed class AppendLogScenario : CollectionScenario
{
    public override void SetUp(ScmHeap heap) => _ = new ScmLog(heap, Name0);

    protected override void Act(ScmHeap heap, int step, Random random)
    {
        var log = new ScmLog(heap, Name0);
        for (int i = random.Next(1, 4); i > 0; i--)
        {
            byte[] content = new byte[random.Next(1, 1500)];
            Array.Fill(content, (byte)(step + 1));
            log.Append(content);
        }
        if (step % 4 == 3)
            log.TruncateBefore(log.NextSequence - 2);
    }

    public override ulong Observe(ScmHeap heap, int track)
    {
        var log = new ScmLog(heap, Name0);
        ulong fingerprint = Fold((ulong)log.FirstSequence, (ulong)log.NextSequence);
        foreach (ScmLogRecord record in log.Read())
        {
            if (record.Content.AsSpan().ContainsAnyExcept(record.Content[0]))
                throw new InvalidOperationException($"record {record.Sequence} holds bytes of two appends");
            fingerprint = Fold(Fold(fingerprint, (ulong)record.Content.Length), record.Content[0]);
        }
        return fingerprint;
    }
}

internal sealed class QueueScenario : CollectionScenario
{
    public override void SetUp(ScmHeap heap) => _ = new ScmQueue<ulong>(heap, Name0);

    protected override void Act(ScmHeap heap, int step, Random random)
    {
        var queue = new ScmQueue<ulong>(heap, Name0);
        for (int i = random.Next(1, 12); i > 0; i--)
            queue.Enqueue((ulong)((step * 100) + i));
        for (int i = random.Next(8); i > 0; i--)
            queue.TryDequeue(out _);
    }

    public override ulong Observe(ScmHeap heap, int track)
    {
        ulong fingerprint = 0;
        foreach (ulong item in new ScmQueue<ulong>(heap, Name0).Items())
            fingerprint = Fold(fingerprint, item);
        return fingerprint;
    }
}
