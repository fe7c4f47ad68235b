using Cscm.Memory.CrashTests.Exploration;
using Cscm.Memory.CrashTests.Model;

namespace Cscm.Memory.CrashTests.Scenarios;

/// <summary>
/// The creation of a heap on a medium that holds something else: until it is acknowledged there is no heap or a whole, empty one.
/// The bytes of earlier days must not shine through.
/// </summary>
internal sealed class CreationScenario : CrashScenario
{
    private const ulong NoHeap = 1;
    private const ulong EmptyHeap = 2;

    public override int StepCount => 1;

    public override int SamplesPerEvent => 400;

    public override ulong? AtStart => NoHeap;

    public override byte[] Prepare(string path, ScmHeapOptions options)
    {
        byte[] garbage = new byte[HeapBytes];
        new Random(7).NextBytes(garbage);
        File.WriteAllBytes(path, garbage);
        return garbage;
    }

    public override ScmHeap Open(string path, ScmHeapOptions options) => ScmHeap.Create(path, HeapBytes, options);

    public override void SetUp(ScmHeap heap) => throw new NotSupportedException("the creation is what is examined");

    public override void Run(ScmHeap heap, TraceRecorder recorder, Action<int> acknowledge) => acknowledge(0);

    public override void Step(ScmHeap heap, int step) => throw new NotSupportedException("the creation is what is examined");

    public override ulong? WithoutHeap(ScmException failure) => failure is ScmMismatchException ? NoHeap : null;

    public override ulong Observe(ScmHeap heap, int track)
    {
        if (heap.RootNames.Count != 0)
            throw new InvalidOperationException("a new heap has names in it");
        // Its space must be there to be used.
        using Transaction tx = heap.Begin();
        for (int i = 0; i < 4; i++)
            tx.AllocSpan<byte>(1000);
        tx.Abort();
        return EmptyHeap;
    }
}
