using Cscm.Memory.CrashTests.Exploration;
using Cscm.Memory.CrashTests.Model;
using Cscm.Memory.Media;

namespace Cscm.Memory.CrashTests.Scenarios;

/// <summary>
/// New blocks so large that the record holds their checksum instead of their bytes. One root leads to the block of each track; its bytes are
/// one transaction's, but for the first word, which is written by itself.
/// </summary>
internal abstract class NewContentScenario : CrashScenario
{
    private const int UsualBytes = 9 * 1024;

    public override long HeapBytes => 2 << 20;

    public override int StepCount => 12;

    public override int SamplesPerEvent => 12;

    public override void SetUp(ScmHeap heap)
    {
        for (int track = 0; track < TrackCount; track++)
            heap.Root<PtrSpan<ulong>>(Root(track));
    }

    public override ulong Observe(ScmHeap heap, int track)
    {
        ReadOnlySpan<ulong> content = heap.Get(heap.Get(Find(heap, track)));
        if (content.IsEmpty)
            return 0;
        if (content[1..].ContainsAnyExcept(content[1]))
            throw new InvalidOperationException("the block holds words of two transactions");
        return Fold(Fold(content[0], content[1]), (ulong)content.Length);
    }

    protected static void Replace(ScmHeap heap, int step, int track = 0)
    {
        Ptr<PtrSpan<ulong>> root = Find(heap, track);
        ulong[] content = new ulong[(UsualBytes / sizeof(ulong)) + (step * 3)];
        Array.Fill(content, (ulong)step + 1);
        using Transaction tx = heap.Begin();
        tx.Free(tx.Read(root));
        if (step % 2 == 0)
        {
            tx.Write(root, tx.AllocSpan<ulong>(content));
        }
        else
        {
            // Not zeroed: only what is written through the transaction is kept.
            PtrSpan<ulong> block = tx.AllocSpan<ulong>(content.Length, zeroed: false);
            tx.Write<ulong>(block.Start, content);
            tx.Write(root, block);
        }
        tx.Commit();
    }

    protected static void WriteFirstWord(ScmHeap heap, ulong value, int track = 0)
    {
        using Transaction tx = heap.Begin();
        tx.Write(heap.Get(Find(heap, track)).Start, value);
        tx.Commit();
    }

    protected static Ptr<PtrSpan<ulong>> Find(ScmHeap heap, int track)
        => heap.TryGetRoot(Root(track), out Ptr<PtrSpan<ulong>> root) ? root : throw new InvalidOperationException("the root is gone");

    private static string Root(int track) => $"track {track}";
}

/// <summary>Allocated, written to by later transactions of the same lane, freed.</summary>
internal sealed class OwnContentScenario : NewContentScenario
{
    public override void Step(ScmHeap heap, int step)
    {
        if (step % 3 == 2)
            WriteFirstWord(heap, (ulong)step * 100);
        else
            Replace(heap, step);
        if (step == 7)
            heap.Checkpoint();
    }
}

/// <summary>The same by the commit that can bear failures of the medium, on cached pages.</summary>
internal sealed class PageCacheContentScenario : NewContentScenario
{
    public override PersistenceDomain Domain => PersistenceDomain.PageCache;

    public override int StepCount => 6;

    public override void Step(ScmHeap heap, int step)
    {
        if (step % 3 == 2)
            WriteFirstWord(heap, (ulong)step * 100);
        else
            Replace(heap, step);
    }
}

/// <summary>
/// One thread allocates, and then its lane is silent; another's transactions write to the block, and recovery may find the block other than the
/// last record of the first lane says.
/// </summary>
internal sealed class ForeignWriterScenario : NewContentScenario
{
    public override void Run(ScmHeap heap, TraceRecorder recorder, Action<int> acknowledge)
    {
        using var owner = new SerialThread();
        using var other = new SerialThread();
        for (int i = 0; i < StepCount; i++)
        {
            int step = i;
            if (step % 3 == 0)
                owner.Run(() => Replace(heap, step));
            else
                other.Run(() => WriteFirstWord(heap, (ulong)step * 100));
            acknowledge(0);
        }
    }

    public override void Step(ScmHeap heap, int step) => throw new NotSupportedException("two threads take turns");
}

/// <summary>Blocks that were written through a reference, without records, after they were committed, and through one that is older than the commit.</summary>
internal abstract class UnloggedScenario : NewContentScenario
{
    public override int StepCount => 6;

    public override void Step(ScmHeap heap, int step)
    {
        PtrSpan<ulong> block = heap.Get(Find(heap, 0));
        heap.GetUnlogged(block)[0] = (ulong)step * 100;
        heap.Persist(new PtrSpan<ulong>(block.Start, 1));
    }
}

/// <summary>The first reference is asked for when the block's transaction is the last of its lane.</summary>
internal sealed class UnloggedAfterCommitScenario : UnloggedScenario
{
    public override void Step(ScmHeap heap, int step)
    {
        if (step % 2 == 0)
            Replace(heap, step);
        else
            base.Step(heap, step);
    }
}

/// <summary>What is persisted without a record was written by one before, which is still in the log.</summary>
internal sealed class UnloggedOverRecordScenario : UnloggedScenario
{
    public override void SetUp(ScmHeap heap)
    {
        base.SetUp(heap);
        Replace(heap, 0);
    }

    public override void Step(ScmHeap heap, int step)
    {
        if (step % 2 == 0)
            WriteFirstWord(heap, ((ulong)step * 1000) + 7);
        else
            base.Step(heap, step);
    }
}

/// <summary>A reference is kept over the commit of the block that it leads to: allocated while others handed it out, or reserved and published.</summary>
internal sealed class UnloggedBeforeCommitScenario : UnloggedScenario
{
    private const int Words = 1500;

    public override int StepCount => 8;

    public override void Run(ScmHeap heap, TraceRecorder recorder, Action<int> acknowledge)
    {
        for (int step = 0; step < StepCount; step += 2)
        {
            Span<ulong> content = step % 4 == 0 ? Publish(heap, step) : Fill(heap, step);
            acknowledge(0);
            content[0] = (ulong)step * 1000;
            heap.Persist(new PtrSpan<ulong>(heap.Get(Find(heap, 0)).Start, 1));
            acknowledge(0);
        }
    }

    private static Span<ulong> Publish(ScmHeap heap, int step)
    {
        Ptr<PtrSpan<ulong>> root = Find(heap, 0);
        var block = new PtrSpan<ulong>(heap.Reserve<ulong>(Words * sizeof(ulong)), Words);
        Span<ulong> content = heap.GetUnlogged(block);
        content.Fill((ulong)step + 1);
        using Transaction tx = heap.Begin();
        tx.Publish(block.Start);
        tx.Free(tx.Read(root));
        tx.Write(root, block);
        tx.Commit();
        return content;
    }

    private static Span<ulong> Fill(ScmHeap heap, int step)
    {
        Ptr<PtrSpan<ulong>> root = Find(heap, 0);
        using Transaction tx = heap.Begin();
        PtrSpan<ulong> block = tx.AllocSpan<ulong>(Words, zeroed: false);
        Span<ulong> content = heap.GetUnlogged(block);
        content.Fill((ulong)step + 1);
        tx.Free(tx.Read(root));
        tx.Write(root, block);
        tx.Commit();
        return content;
    }
}

/// <summary>A heap of format 1.0 is opened, which makes it one of today's, and used.</summary>
internal sealed unsafe class UpgradeScenario : NewContentScenario
{
    public override int StepCount => 3;

    public override byte[] Prepare(string path, ScmHeapOptions options)
    {
        byte[] image = base.Prepare(path, options);
        fixed (byte* start = image)
        {
            foreach (long copy in (long[])[MediaLayout.SuperblockA, MediaLayout.SuperblockB])
            {
                var superblock = (Superblock*)(start + copy);
                superblock->MinorVersion = 0;
                superblock->IncompatibleFeatures = 0;
                *(ulong*)(start + copy + Superblock.ChecksumAt) = MediaHash.Compute((byte*)superblock, Superblock.ChecksumAt, MediaLayout.Magic);
            }
        }
        File.WriteAllBytes(path, image);
        return image;
    }

    public override void Step(ScmHeap heap, int step) => Replace(heap, step);
}
