using System.Runtime.CompilerServices;
using Cscm.Memory.CrashTests.Exploration;

namespace Cscm.Memory.CrashTests.Scenarios;

[InlineArray(Length)]
internal struct Fields
{
    public const int Length = 48;
    private ulong _first;
}

/// <summary>Scattered fields of one object, few or many in a transaction: tearing, laps of a small log, checkpoints between.</summary>
internal class FieldsScenario : CrashScenario
{
    protected const string Root = "fields";

    public override int StepCount => 60;

    public override void SetUp(ScmHeap heap)
    {
        Ptr<Fields> root = heap.Root<Fields>(Root);
        using Transaction tx = heap.Begin();
        for (int i = 0; i < Fields.Length; i++)
            tx.Set(in heap.Get(root)[i], (ulong)i);
        tx.Commit();
    }

    public override void Step(ScmHeap heap, int step) => Write(heap, step, 1 + (step % 12));

    public override ulong Observe(ScmHeap heap, int track)
    {
        if (!heap.TryGetRoot(Root, out Ptr<Fields> root))
            throw new InvalidOperationException("the root is gone");
        ulong fingerprint = 0;
        foreach (ulong field in heap.Get(root))
            fingerprint = Fold(fingerprint, field);
        return fingerprint;
    }

    protected static void Write(ScmHeap heap, int step, int count)
    {
        var random = new Random(step);
        Assert.True(heap.TryGetRoot(Root, out Ptr<Fields> root));
        using Transaction tx = heap.Begin();
        for (int i = 0; i < count; i++)
            tx.Set(in heap.Get(root)[random.Next(Fields.Length)], (ulong)((step + 1) * 1000 + i));
        tx.Commit();
    }
}

/// <summary>The same by the commit that can bear failures of the medium.</summary>
internal sealed class GuardedFieldsScenario : FieldsScenario
{
    public override bool MayFail => true;

    public override int StepCount => 30;
}

/// <summary>The same on a processor whose caches survive: any prefix of the stores.</summary>
internal sealed class CpuCacheFieldsScenario : FieldsScenario
{
    public override PersistenceDomain Domain => PersistenceDomain.CpuCache;
}

/// <summary>The same on cached pages: a page may reach the medium at any time, and certainly does at a sync.</summary>
internal sealed class PageCacheFieldsScenario : FieldsScenario
{
    public override PersistenceDomain Domain => PersistenceDomain.PageCache;

    public override int StepCount => 40;
}

/// <summary>Checkpoints asked for, between and right after commits.</summary>
internal sealed class CheckpointScenario : FieldsScenario
{
    public override int StepCount => 40;

    public override void Step(ScmHeap heap, int step)
    {
        if (step % 3 == 2)
            heap.Checkpoint();
        else
            Write(heap, step, 1 + (step % 5));
    }
}
