using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;

namespace Cscm.Memory.Collections;

/// <summary>
/// A durable first-in, first-out queue of unmanaged items: an append log whose head is cut as items are taken. Transactions and threads as
/// in <see cref="ScmLog"/>: writers, and those who take, one at a time.
/// </summary>
public sealed unsafe class ScmQueue<[DynamicallyAccessedMembers(LayoutFingerprint.Needs)] T>
    where T : unmanaged
{
    private readonly ScmLog _log;

    /// <summary>The queue of this name, made where there is none.</summary>
    /// <exception cref="ScmMismatchException">The name belongs to something else, or to a queue of other items.</exception>
    public ScmQueue(ScmHeap heap, string name)
        : this(heap, CollectionHeader.Named<ScmLogHeader>(heap, name))
    {
    }

    /// <summary>The queue whose header is here; zeros are an empty queue.</summary>
    /// <exception cref="ScmMismatchException">The queue was made with other items.</exception>
    public ScmQueue(ScmHeap heap, Ptr<ScmLogHeader> header)
    {
        _log = new ScmLog(heap, header, "queue", LayoutFingerprint.Of<T>());
    }

    public long Count => _log.Count;

    /// <exception cref="ScmOutOfSpaceException">The heap is full; the queue is unchanged.</exception>
    public void Enqueue(in T item) => _log.Append(MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in item)));

    /// <summary>Takes the oldest item; false when there is none.</summary>
    public bool TryDequeue(out T item)
    {
        item = default;
        return _log.TryTakeFirst(MemoryMarshal.AsBytes(new Span<T>(ref item)), out _);
    }

    /// <summary>Reads the oldest item and leaves it; false when there is none.</summary>
    public bool TryPeek(out T item)
    {
        ScmLogRecord? first = _log.Read().FirstOrDefault();
        item = first is null ? default : MemoryMarshal.Read<T>(first.Content);
        return first is not null;
    }

    /// <summary>The items from the oldest on.</summary>
    public IEnumerable<T> Items() => _log.Read().Select(record => MemoryMarshal.Read<T>(record.Content));

    /// <summary>Reports the queue's blocks to a check: <c>checker.Register&lt;ScmLogHeader&gt;(name, queue.Walk)</c>.</summary>
    public void Walk(ScmHeap heap, Ptr<ScmLogHeader> self, PointerVisitor visit) => _log.Walk(heap, self, visit);
}

/// <summary>A durable first-in, first-out queue of byte strings. Transactions and threads as in <see cref="ScmLog"/>.</summary>
public sealed class ScmQueue
{
    private readonly ScmLog _log;

    /// <summary>The queue of this name, made where there is none.</summary>
    /// <exception cref="ScmMismatchException">The name belongs to something else.</exception>
    public ScmQueue(ScmHeap heap, string name)
    {
        _log = new ScmLog(heap, CollectionHeader.Named<ScmLogHeader>(heap, name), "queue", LayoutFingerprint.Of<LogPlace>());
    }

    public long Count => _log.Count;

    /// <exception cref="ScmOutOfSpaceException">The heap is full; the queue is unchanged.</exception>
    public void Enqueue(ReadOnlySpan<byte> item) => _log.Append(item);

    /// <summary>Takes the oldest item; null when there is none.</summary>
    public byte[]? TryDequeue() => _log.TakeFirst();

    /// <summary>Reports the queue's blocks to a check: <c>checker.Register&lt;ScmLogHeader&gt;(name, queue.Walk)</c>.</summary>
    public void Walk(ScmHeap heap, Ptr<ScmLogHeader> self, PointerVisitor visit) => _log.Walk(heap, self, visit);
}
