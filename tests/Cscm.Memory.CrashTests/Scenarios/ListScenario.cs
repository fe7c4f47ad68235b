using System.Runtime.InteropServices;
using Cscm.Memory.CrashTests.Exploration;

namespace Cscm.Memory.CrashTests.Scenarios;

/// <summary>
/// A list of nodes with payloads of many sizes, pushed and popped: allocation and free in the same records, blocks initialised in place
/// and used again. Payloads are derived from the node's number, so that a block given out twice shows.
/// </summary>
internal class ListScenario : CrashScenario
{
    private const string Root = "list";

    public override long HeapBytes => 4 << 20;

    public override int StepCount => 40;

    public override int SamplesPerEvent => 40;

    public override void SetUp(ScmHeap heap) => heap.Root<Head>(Root);

    public override void Step(ScmHeap heap, int step)
    {
        var random = new Random(step * 7919);
        Assert.True(heap.TryGetRoot(Root, out Ptr<Head> head));
        using Transaction tx = heap.Begin();
        int pops = heap.Get(head).Count > 4 ? random.Next(4) : 0;
        for (int i = 0; i < pops; i++)
            Pop(tx, head);
        for (int pushes = random.Next(1, 4); pushes > 0; pushes--)
            Push(tx, head, random.Next(1, MaximumPayload));
        tx.Commit();
    }

    public override ulong Observe(ScmHeap heap, int track)
    {
        if (!heap.TryGetRoot(Root, out Ptr<Head> head))
            throw new InvalidOperationException("the root is gone");
        ulong fingerprint = (ulong)heap.Get(head).Count;
        long count = 0;
        for (Ptr<Node> at = heap.Get(head).First; !at.IsNull; at = heap.Get(at).Next)
        {
            ref readonly Node node = ref heap.Get(at);
            if (++count > heap.Get(head).Count)
                throw new InvalidOperationException("the list is longer than its count: a loop, or a block in two places");
            foreach (byte value in heap.Get(node.Payload))
            {
                if (value != (byte)node.Number)
                    throw new InvalidOperationException($"node {node.Number} holds another node's bytes");
            }
            fingerprint = Fold(Fold(fingerprint, (ulong)node.Number), (ulong)node.Payload.Length);
        }
        return count == heap.Get(head).Count ? fingerprint : throw new InvalidOperationException("the list is shorter than its count");
    }

    protected virtual int MaximumPayload => 600;

    private static void Push(in Transaction tx, Ptr<Head> head, int payloadBytes)
    {
        Head before = tx.Read(head);
        long number = before.LastNumber + 1;
        Span<byte> content = stackalloc byte[payloadBytes];
        content.Fill((byte)number);
        ref Node node = ref tx.New(out Ptr<Node> pointer);
        node = new Node { Next = before.First, Number = number, Payload = tx.AllocSpan<byte>(content) };
        tx.Write(head, new Head { First = pointer, Count = before.Count + 1, LastNumber = number });
    }

    private static void Pop(in Transaction tx, Ptr<Head> head)
    {
        Head before = tx.Read(head);
        Node node = tx.Read(before.First);
        tx.Free(node.Payload);
        tx.Free(before.First);
        tx.Write(head, before with { First = node.Next, Count = before.Count - 1 });
    }

    [StructLayout(LayoutKind.Sequential)]
    private record struct Head
    {
        public Ptr<Node> First;
        public long Count;
        public long LastNumber;
    }

    [StructLayout(LayoutKind.Sequential)]
    private record struct Node
    {
        public Ptr<Node> Next;
        public long Number;
        public PtrSpan<byte> Payload;
    }
}

/// <summary>Payloads that are extents of their own, and transactions that overflow the lane.</summary>
internal sealed class LargeListScenario : ListScenario
{
    public override int StepCount => 8;

    public override int SamplesPerEvent => 6;

    protected override int MaximumPayload => 70_000;
}
