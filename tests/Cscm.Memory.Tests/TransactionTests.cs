namespace Cscm.Memory.Tests;

public sealed class TransactionTests
{
    [System.Runtime.InteropServices.StructLayout(System.Runtime.InteropServices.LayoutKind.Sequential)]
    private struct Node
    {
        public long Key;
        public long Value;
        public Ptr<Node> Next;
    }

    [Fact]
    public void Committed_writes_are_there_after_the_process_dies()
    {
        using var test = new TestHeap();
        Ptr<Node> root = test.Heap.Root<Node>("root");
        using (Transaction tx = test.Heap.Begin())
        {
            ref Node next = ref tx.New(out Ptr<Node> pointer);
            next.Key = 7;
            tx.Set(in test.Heap.Get(root).Value, 42);
            tx.Modify(root).Next = pointer;
            tx.Commit();
        }

        using ScmHeap copy = test.OpenCopyAsIs(out _);
        Assert.True(copy.TryGetRoot("root", out Ptr<Node> found));
        Assert.Equal(42, copy.Get(found).Value);
        Assert.Equal(7, copy.Get(copy.Get(found).Next).Key);
        Assert.Equal(2, copy.ReplayedCount);
    }

    [Fact]
    public void An_aborted_transaction_leaves_nothing()
    {
        using var test = new TestHeap();
        Ptr<Node> root = test.Heap.Root<Node>("root");
        using (Transaction tx = test.Heap.Begin())
        {
            tx.Write(root, new Node { Key = 1 });
            Assert.Equal(1, tx.Read(root).Key);
            Assert.Equal(0, test.Heap.Get(root).Key);
        }

        Assert.Equal(0, test.Heap.Get(root).Key);
        test.Reopen();
        Assert.True(test.Heap.TryGetRoot("root", out root));
        Assert.Equal(0, test.Heap.Get(root).Key);
    }

    [Fact]
    public void Blocks_survive_reopening_and_freed_ones_return()
    {
        using var test = new TestHeap();
        Ptr<PtrSpan<byte>> root = test.Heap.Root<PtrSpan<byte>>("list");
        for (int i = 0; i < 3000; i++)
        {
            using Transaction tx = test.Heap.Begin();
            tx.Free(tx.Read(root));
            tx.Write(root, tx.AllocSpan<byte>(Enumerable.Repeat((byte)i, 1000 + i).ToArray()));
            tx.Commit();
        }

        test.Reopen();
        Assert.True(test.Heap.TryGetRoot("list", out root));
        ReadOnlySpan<byte> content = test.Heap.Get(test.Heap.Get(root));
        Assert.Equal(3999, content.Length);
        Assert.Equal(-1, content.IndexOfAnyExcept((byte)(2999 % 256)));
    }
}
