using Cscm.Memory.Allocation;
using Cscm.Memory.Media;

namespace Cscm.Memory;

/// <summary>
/// Checks an open heap that nothing changes meanwhile: metadata against its checksums, both copies of what is kept twice, and,
/// where every root's type is registered, that what is allocated and what is reachable are the same. Changes nothing, but a heap that is
/// open for writing makes a checkpoint first.
/// </summary>
public sealed unsafe class HeapChecker
{
    private readonly Dictionary<string, Action<PointerVisitor, long>> _roots = [];
    private readonly ScmHeap _heap;

    public HeapChecker(ScmHeap heap)
    {
        ArgumentNullException.ThrowIfNull(heap);
        _heap = heap;
    }

    /// <summary>Tells how to walk from the root of this name. Null: the root's object holds no pointers.</summary>
    public HeapChecker Register<T>(string root, PointerWalker<T>? walk = null)
        where T : unmanaged
    {
        _roots[root] = (visitor, offset) => visitor.Visit(new Ptr<T>(offset), walk);
        return this;
    }

    public HeapCheckResult Run()
    {
        HeapCore core = _heap.Core;
        core.ThrowIfUnusable();
        var problems = new List<string>();
        core.Checkpointer.SettleBitmaps();
        MetadataCheck.Run(core, problems);
        List<(long Offset, long SizeBytes)> allocated = ChunkScanner.AllocatedBlocks(core);
        CheckReadability(core, allocated, problems);
        long reachable = CheckReachability(core, allocated, problems);
        return new HeapCheckResult(problems, allocated.Count, allocated.Sum(block => block.SizeBytes), reachable);
    }

    private static void CheckReadability(HeapCore core, List<(long Offset, long SizeBytes)> allocated, List<string> problems)
    {
        long done = 0;
        foreach ((long offset, long sizeBytes) in allocated)
        {
            // Chunk by chunk, once each: blocks come in order.
            long from = Math.Max(done, MediaLayout.AlignDown(offset, MediaLayout.ChunkBytes));
            long end = MediaLayout.AlignUp(offset + sizeBytes, MediaLayout.ChunkBytes);
            if (from < end)
            {
                done = end;
                try
                {
                    core.Mapping.RequireReadable(from, end - from);
                }
                catch (ScmCorruptionException unreadable)
                {
                    problems.Add(unreadable.Message);
                }
            }
        }
    }

    private long CheckReachability(HeapCore core, List<(long Offset, long SizeBytes)> allocated, List<string> problems)
    {
        IReadOnlyList<string> names = _heap.RootNames;
        if (_roots.Count == 0 || names.Any(name => !_roots.ContainsKey(name)))
        {
            return -1;
        }

        var visitor = new PointerVisitor(_heap, problems);
        for (int i = 0; i < MediaLayout.RootCount; i++)
        {
            RootEntry entry = RootTable.Read(core, i);
            if (entry.Offset != 0)
            {
                _roots[RootTable.NameOf(entry)](visitor, entry.Offset);
            }
        }

        visitor.Drain();
        foreach ((long offset, long sizeBytes) in allocated)
        {
            if (!visitor.Reached.Contains(offset))
            {
                problems.Add($"{sizeBytes} bytes at 0x{offset:x} are allocated but unreachable (leaked)");
            }
        }

        return visitor.Reached.Count;
    }
}

/// <summary>Collects what a walk reaches.</summary>
public sealed class PointerVisitor
{
    private readonly ScmHeap _heap;
    private readonly List<string> _problems;
    private readonly Queue<Action> _pending = new();

    internal PointerVisitor(ScmHeap heap, List<string> problems)
    {
        _heap = heap;
        _problems = problems;
    }

    internal HashSet<long> Reached { get; } = [];

    /// <summary>Reports a pointer; null is ignored. <paramref name="walk"/> then reports what the object there points to.</summary>
    public void Visit<T>(Ptr<T> pointer, PointerWalker<T>? walk = null)
        where T : unmanaged
    {
        if (pointer.IsNull || Reached.Contains(pointer.Offset))
        {
            return;
        }

        if (!_heap.Core.Allocator.TryFind(pointer.Offset, out Block block) || !ScmHeap.IsAllocated(block))
        {
            _problems.Add($"a pointer to 0x{pointer.Offset:x} leads to no allocated block");
            return;
        }

        Reached.Add(pointer.Offset);
        if (walk is not null)
        {
            // Queued, not recursive: a list may be millions long.
            _pending.Enqueue(() => walk(_heap, pointer, this));
        }
    }

    /// <summary>Reports an array.</summary>
    public void Visit<T>(PtrSpan<T> span)
        where T : unmanaged
    {
        if (span.Length > 0)
        {
            Visit(span.Start);
        }
    }

    internal void Drain()
    {
        while (_pending.TryDequeue(out Action? next))
        {
            next();
        }
    }
}
