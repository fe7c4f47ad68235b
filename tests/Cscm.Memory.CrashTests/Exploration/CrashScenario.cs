using Cscm.Memory.CrashTests.Model;

namespace Cscm.Memory.CrashTests.Exploration;

/// <summary>
/// A run of a heap whose every crash state is examined. A step is what the application sees as one act: acknowledged when
/// <see cref="Step"/> returns, all or nothing before. Threads that act at the same time have tracks of their own, over different data:
/// each is acknowledged and judged by itself.
/// </summary>
internal abstract class CrashScenario
{
    public string Name => GetType().Name;

    public virtual long HeapBytes => 1 << 20;

    public virtual PersistenceDomain Domain => PersistenceDomain.MemoryController;

    /// <summary>
    /// Whether commits take the way that can bear failures of the medium, with handlers; by default they take the one of memory that cannot fail.
    /// </summary>
    public virtual bool MayFail => false;

    public virtual ScmHeapOptions Options => new() { LaneCount = 2, LogBytes = 2 * 4096 };

    public abstract int StepCount { get; }

    public virtual int TrackCount => 1;

    /// <summary>States to look at per event where there are too many for all: fewer where each is large.</summary>
    public virtual int SamplesPerEvent => 320;

    /// <summary>The medium before the examined run: by default a heap that <see cref="SetUp"/> has prepared.</summary>
    public virtual byte[] Prepare(string path, ScmHeapOptions options)
    {
        using (ScmHeap heap = ScmHeap.Create(path, HeapBytes, options))
        {
            SetUp(heap);
        }
        return File.ReadAllBytes(path);
    }

    /// <summary>Opens the heap for the examined run.</summary>
    public virtual ScmHeap Open(string path, ScmHeapOptions options) => ScmHeap.Open(path, options);

    /// <summary>What is seen before the run when no heap is there to look at; null: look.</summary>
    public virtual ulong? AtStart => null;

    /// <summary>What track 0 shows when there is no heap to open; null if that may not be.</summary>
    public virtual ulong? WithoutHeap(ScmException failure) => null;

    /// <summary>Brings the heap to where the examination starts. Not examined itself.</summary>
    public abstract void SetUp(ScmHeap heap);

    /// <summary>Runs on the heap; by default one act on track 0, which is then acknowledged.</summary>
    public virtual void Run(ScmHeap heap, TraceRecorder recorder, Action<int> acknowledge)
    {
        for (int step = 0; step < StepCount; step++)
        {
            Step(heap, step);
            acknowledge(0);
        }
    }

    /// <summary>One act. Reads what it needs from the heap: it has no memory of its own that a crash would lose.</summary>
    public abstract void Step(ScmHeap heap, int step);

    /// <summary>A fingerprint of everything that the application can see of a track, throwing if it is not well formed.</summary>
    public abstract ulong Observe(ScmHeap heap, int track);

    /// <summary>Folds a value into a fingerprint.</summary>
    protected static ulong Fold(ulong fingerprint, ulong value)
        => System.Numerics.BitOperations.RotateLeft((fingerprint ^ value) * 0x9E37_79B9_7F4A_7C15, 29);
}
