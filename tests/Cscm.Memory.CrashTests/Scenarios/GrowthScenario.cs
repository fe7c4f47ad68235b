using Cscm.Memory.CrashTests.Exploration;

namespace Cscm.Memory.CrashTests.Scenarios;

/// <summary>The heap grows while it is used; what is allocated in the new part is as safe as the rest.</summary>
internal sealed class GrowthScenario : CrashScenario
{
    private const string Root = "growth";
    private const long GrowthBytes = 256 << 10;

    public override int StepCount => 8;

    public override int SamplesPerEvent => 12;

    public override void SetUp(ScmHeap heap) => heap.Root<PtrSpan<byte>>(Root);

    public override void Step(ScmHeap heap, int step)
    {
        if (step % 2 == 0)
        {
            heap.Grow(heap.SizeBytes + GrowthBytes);
            return;
        }
        // Larger than what the first region has left, so that it lies in the new part.
        Assert.True(heap.TryGetRoot(Root, out Ptr<PtrSpan<byte>> root));
        using Transaction tx = heap.Begin();
        tx.Free(tx.Read(root));
        byte[] content = new byte[60_000 + (step * 64)];
        Array.Fill(content, (byte)step);
        tx.Write(root, tx.AllocSpan<byte>(content));
        tx.Commit();
    }

    public override ulong Observe(ScmHeap heap, int track)
    {
        if (!heap.TryGetRoot(Root, out Ptr<PtrSpan<byte>> root))
            throw new InvalidOperationException("the root is gone");
        ReadOnlySpan<byte> content = heap.Get(heap.Get(root));
        byte first = content.IsEmpty ? (byte)0 : content[0];
        if (content.ContainsAnyExcept(first))
            throw new InvalidOperationException("the block holds bytes of two transactions");
        return Fold(Fold(first, (ulong)content.Length), (ulong)heap.SizeBytes);
    }
}
