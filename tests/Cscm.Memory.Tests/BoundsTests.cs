using Cscm.Memory.Collections;

namespace Cscm.Memory.Tests;

/// <summary>
/// Public calls with pointers, lengths and alignments that are out of bounds, negative or overflow: an exception that says so, never the end of the
/// process, and the heap is what it was.
/// </summary>
public sealed class BoundsTests
{
    private static readonly long[] s_odd =
    [
        long.MinValue, long.MinValue + 1, -(1L << 61), -(1L << 32), int.MinValue, -4097, -64, -16, -8, -1, 0, 1, 7, 8, 15, 16, 63, 4095, 4096, 65535, 65536, 131072,
        (1 << 20) + 5, int.MaxValue, 1L << 31, 1L << 32, (1L << 48) - 1, 1L << 48, 1L << 60, (1L << 61) + 1, 1L << 62, long.MaxValue - 65535, long.MaxValue - 7, long.MaxValue,
    ];

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void What_is_out_of_bounds_is_an_exception_and_changes_nothing(int seed)
    {
        using var test = new TestHeap(8 << 20, new ScmHeapOptions { BackgroundCheckpoints = false });
        ScmHeap heap = test.Heap;
        PtrSpan<long> mine = Allocate(heap, 100);
        var random = new Random(seed);
        int refused = 0;
        for (int i = 0; i < 30_000; i++)
        {
            long offset = Odd(random, mine.Start.Offset, heap.SizeBytes);
            long length = Odd(random, 800, heap.SizeBytes);
            long other = Odd(random, 16, heap.SizeBytes);
            int call = random.Next(Calls.Length);
            // A pointer into the heap's data that no allocation gave can only be vouched for by the caller.
            bool isOutside = offset < 65536 || offset > heap.SizeBytes;
            try
            {
                Calls[call](heap, offset, length, other, isOutside);
            }
            catch (Exception exception) when (exception is ScmException or ArgumentException or OverflowException or InvalidOperationException)
            {
                refused++;
            }
        }

        Assert.InRange(refused, 10_000, 30_000);
        Assert.Equal(-1, heap.Get(mine).IndexOfAnyExcept(42));
        HeapCheckResult check = heap.Check();
        Assert.Empty(check.Problems);
        Assert.Equal(1, check.AllocatedBlocks);
        using ScmHeap copy = test.OpenCopyAsIs(out _);
        Assert.Equal(-1, copy.Get(mine).IndexOfAnyExcept(42));
    }

    [Fact]
    public void A_closed_heap_is_an_exception_for_every_call()
    {
        using var test = new TestHeap(8 << 20);
        PtrSpan<long> mine = Allocate(test.Heap, 100);
        using Transaction open = test.Heap.Begin();
        test.Heap.Dispose();
        foreach (Action<ScmHeap, long, long, long, bool> call in Calls)
        {
            Assert.ThrowsAny<Exception>(() => call(test.Heap, mine.Start.Offset, 8, 16, true));
        }

        bool isRefused = false;
        try
        {
            open.Alloc<long>();
        }
        catch (ObjectDisposedException)
        {
            isRefused = true;
        }

        Assert.True(isRefused, "a transaction that was open when the heap was closed allocated from it");
    }

    private static Action<ScmHeap, long, long, long, bool>[] Calls { get; } =
    [
        (heap, offset, _, _, _) => Touch(heap.Get(new Ptr<long>(offset))),
        (heap, offset, _, _, _) => Touch(heap.Get(new Ptr<Wide>(offset)).Last),
        (heap, offset, length, _, _) =>
        {
            ReadOnlySpan<long> span = heap.Get(new PtrSpan<long>(new Ptr<long>(offset), length));
            Touch(span.IsEmpty ? 0 : span[0] + span[^1]);
        },
        (heap, offset, length, _, _) =>
        {
            Span<Wide> span = heap.GetUnlogged(new PtrSpan<Wide>(new Ptr<Wide>(offset), length));
            Touch(span.IsEmpty ? 0 : span[0].Last + span[^1].Last);
        },
        (heap, offset, length, _, _) => heap.Persist(new PtrSpan<long>(new Ptr<long>(offset), length)),
        (heap, _, length, other, _) => heap.Cancel(heap.Reserve<byte>(length, other)),
        (heap, offset, _, _, _) => Touch(heap.UsableBytes(new Ptr<long>(offset))),
        (heap, offset, length, other, _) => Touch(new PtrSpan<Wide>(new Ptr<Wide>(offset), length).Slice(other, length).Length + new Ptr<Wide>(offset).Element(length).Offset),
        (heap, offset, _, _, _) => Aborted(heap, (ref Transaction tx) => tx.Write(new Ptr<long>(offset), 1)),
        (heap, offset, _, _, _) => Aborted(heap, (ref Transaction tx) => tx.Write(new Ptr<Wide>(offset), default(Wide))),
        (heap, offset, length, _, _) => Aborted(heap, (ref Transaction tx) => tx.Write<byte>(new Ptr<byte>(offset), new byte[length & 0xffff])),
        (heap, offset, _, _, _) => Aborted(heap, (ref Transaction tx) => tx.Modify(new Ptr<Wide>(offset)).Last = 1),
        (heap, offset, length, _, _) => Aborted(heap, (ref Transaction tx) => tx.Read(new Ptr<byte>(offset), new byte[length & 0xffff])),
        (heap, offset, _, _, _) => Aborted(heap, (ref Transaction tx) => Touch(tx.Read(new Ptr<Wide>(offset)).Last)),
        (heap, _, length, other, _) => Aborted(heap, (ref Transaction tx) => tx.AllocSpan<byte>(length, zeroed: false, alignment: other)),
        (heap, _, length, _, _) => Aborted(heap, (ref Transaction tx) => tx.AllocSpan<Wide>(length, zeroed: false)),
        (heap, offset, length, other, _) => Aborted(heap, (ref Transaction tx) => tx.Realloc(new PtrSpan<Wide>(new Ptr<Wide>(offset), length), other)),
        (heap, offset, length, other, _) => Aborted(heap, (ref Transaction tx) => tx.Realloc(tx.AllocSpan<long>(40) with { Length = length }, other)),
        (heap, offset, _, _, _) => Aborted(heap, (ref Transaction tx) => tx.Free(new Ptr<long>(offset + 1))),
        (heap, offset, _, _, _) => Aborted(heap, (ref Transaction tx) => tx.SetRoot("odd", new Ptr<Wide>(offset))),
        (heap, offset, _, _, isOutside) => Aborted(heap, (ref Transaction tx) => tx.Publish(new Ptr<long>(isOutside ? offset : 0))),
        (heap, offset, _, _, isOutside) => heap.Cancel(new Ptr<long>(isOutside ? offset : 0)),
        (heap, offset, _, _, isOutside) => Touch(new ScmBTree<long, long>(heap, new Ptr<ScmBTreeHeader>(isOutside ? offset : 0)).Count),
        (heap, offset, _, _, isOutside) => Touch(new ScmHashMap<long, long>(heap, new Ptr<ScmHashMapHeader>(isOutside ? offset : 0)).Count),
        (heap, offset, _, _, isOutside) => Touch(new ScmLog(heap, new Ptr<ScmLogHeader>(isOutside ? offset : 0)).Count),
    ];

    private delegate void InTransaction(ref Transaction tx);

    private static void Aborted(ScmHeap heap, InTransaction act)
    {
        Transaction tx = heap.Begin();
        try
        {
            act(ref tx);
        }
        finally
        {
            tx.Dispose();
        }
    }

    private static long Odd(Random random, long usual, long heapBytes) => random.Next(4) switch
    {
        0 => s_odd[random.Next(s_odd.Length)],
        1 => heapBytes + s_odd[random.Next(s_odd.Length)],
        2 => unchecked(usual + s_odd[random.Next(s_odd.Length)]),
        _ => random.NextInt64(long.MinValue, long.MaxValue) >> random.Next(64),
    };

    private static void Touch(long value) => GC.KeepAlive(value);

    private static PtrSpan<long> Allocate(ScmHeap heap, int length)
    {
        long[] content = new long[length];
        Array.Fill(content, 42);
        using Transaction tx = heap.Begin();
        PtrSpan<long> span = tx.AllocSpan<long>(content);
        tx.Commit();
        return span;
    }

    private unsafe struct Wide
    {
        public fixed long Words[100];
        public long Last;
    }
}
