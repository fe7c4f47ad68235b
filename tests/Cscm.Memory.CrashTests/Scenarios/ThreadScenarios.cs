using Cscm.Memory.CrashTests.Exploration;
using Cscm.Memory.CrashTests.Model;
using Cscm.Memory.Medium;

namespace Cscm.Memory.CrashTests.Scenarios;

/// <summary>
/// Two threads take turns over the same fields, each with a lane of its own: replay must follow the order of commits across lanes, and a
/// lane must never be emptied while an older record of the other could come back over its values.
/// </summary>
internal sealed class TwoLanesScenario : FieldsScenario
{
    public override int StepCount => 50;

    public override void Run(ScmHeap heap, TraceRecorder recorder, Action<int> acknowledge)
    {
        using var first = new SerialThread();
        using var second = new SerialThread();
        for (int i = 0; i < StepCount; i++)
        {
            int step = i;
            // Uneven turns, so that one lane laps while the other lags.
            (step % 5 == 0 ? second : first).Run(() => Step(heap, step));
            acknowledge(0);
        }
    }
}

/// <summary>
/// A commit runs whole, and is acknowledged, between another thread's record and that record's fence: the later number is durable while the
/// earlier one is not, a hole that replay must not stop at. Each thread has fields of its own, judged by themselves.
/// </summary>
internal sealed class InterleavedCommitsScenario : CrashScenario
{
    private const string Root = "interleaved";
    private const int FieldsPerTrack = 16;

    public override int StepCount => 24;

    public override int TrackCount => 2;

    public override void SetUp(ScmHeap heap) => heap.Root<Fields>(Root);

    public override void Step(ScmHeap heap, int step) => throw new NotSupportedException("the tracks run interleaved");

    public override void Run(ScmHeap heap, TraceRecorder recorder, Action<int> acknowledge)
    {
        using var outer = new SerialThread();
        using var inner = new SerialThread();
        for (int i = 0; i < StepCount; i++)
        {
            int step = i;
            bool isNested = false;
            recorder.AfterEvent = item =>
            {
                if (item.Kind == TraceKind.Streamed && item.Site == PersistSite.StoreRecord && !isNested)
                {
                    isNested = true;
                    inner.Run(() => Write(heap, 1, step));
                    acknowledge(1);
                }
            };
            outer.Run(() => Write(heap, 0, step));
            recorder.AfterEvent = null;
            acknowledge(0);
            if (step % 7 == 6)
                heap.Checkpoint();
        }
    }

    public override ulong Observe(ScmHeap heap, int track)
    {
        if (!heap.TryGetRoot(Root, out Ptr<Fields> root))
            throw new InvalidOperationException("the root is gone");
        ulong fingerprint = 0;
        foreach (ulong field in heap.Get(root)[(track * FieldsPerTrack)..((track + 1) * FieldsPerTrack)])
            fingerprint = Fold(fingerprint, field);
        return fingerprint;
    }

    private static void Write(ScmHeap heap, int track, int step)
    {
        var random = new Random((step * 2) + track);
        Assert.True(heap.TryGetRoot(Root, out Ptr<Fields> root));
        using Transaction tx = heap.Begin();
        for (int i = 0; i < 5; i++)
            tx.Set(in heap.Get(root)[(track * FieldsPerTrack) + random.Next(FieldsPerTrack)], (ulong)((step * 100) + i + 1));
        tx.Commit();
    }
}

/// <summary>Names come and go in the root table.</summary>
internal sealed class RootsScenario : CrashScenario
{
    public override int StepCount => 30;

    public override void SetUp(ScmHeap heap) => heap.Root<long>("first");

    public override void Step(ScmHeap heap, int step)
    {
        string name = $"root {step % 6}";
        using Transaction tx = heap.Begin();
        if (heap.TryGetRoot(name, out Ptr<long> old))
        {
            tx.SetRoot(name, default(Ptr<long>));
            tx.Free(old);
        }
        else
        {
            Ptr<long> value = tx.Alloc<long>();
            tx.Write(value, (long)step + 1);
            tx.SetRoot(name, value);
        }
        tx.Commit();
    }

    public override ulong Observe(ScmHeap heap, int track)
    {
        ulong fingerprint = 0;
        foreach (string name in heap.RootNames.Order(StringComparer.Ordinal))
        {
            Assert.True(heap.TryGetRoot(name, out Ptr<long> root));
            foreach (char letter in name)
                fingerprint = Fold(fingerprint, letter);
            fingerprint = Fold(fingerprint, (ulong)heap.Get(root));
        }
        return fingerprint;
    }
}
