using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using Cscm.Memory.Allocation;
using Cscm.Memory.Transactions;

namespace Cscm.Memory;

/// <summary>
/// A transaction: nothing it writes is visible or durable before <see cref="Commit"/> returns, everything is afterwards. Disposing
/// without commit aborts. Begun inside another on the same thread it becomes part of it. Not usable on another thread.
/// </summary>
public unsafe ref struct Transaction
{
    private readonly TransactionContext _context;
    private bool _isEnded;

    internal Transaction(TransactionContext context)
    {
        _context = context;
    }

    /// <summary>For the collections of this assembly.</summary>
    internal readonly TransactionContext Context => _context;

    /// <summary>Makes the transaction durable: one store fence, whatever it writes (and one before it when it brings more than 8 KiB of new blocks to a heap that has handed out unlogged memory, see <see cref="ScmHeap.GetUnlogged{T}"/>, or publishes them).</summary>
    /// <exception cref="ScmFailedException">The medium refused; the heap is latched.</exception>
    public void Commit()
    {
        ThrowIfEnded();
        _isEnded = true;
        _context.Commit();
    }

    /// <summary>Forgets the transaction's writes and allocations.</summary>
    public void Abort()
    {
        ThrowIfEnded();
        _isEnded = true;
        _context.Abort();
    }

    public void Dispose()
    {
        if (!_isEnded && _context is not null)
        {
            _isEnded = true;
            _context.Abort();
        }
    }

    /// <summary>Writes a whole object.</summary>
    public readonly void Write<T>(Ptr<T> target, in T value)
        where T : unmanaged
    {
        ThrowIfEnded();
        _context.Core.CheckRange(target.Offset, sizeof(T));
        if (sizeof(T) == sizeof(ulong))
        {
            _context.Write(target.Offset, Unsafe.As<T, ulong>(ref Unsafe.AsRef(in value)));
            return;
        }

        fixed (T* content = &value)
        {
            _context.Write(target.Offset, (byte*)content, sizeof(T));
        }
    }

    /// <summary>Writes one field of a committed object, named through <see cref="ScmHeap.Get{T}(Ptr{T})"/>: <c>tx.Set(in heap.Get(node).Next, value)</c>.</summary>
    public readonly void Set<T>(ref readonly T field, in T value)
        where T : unmanaged
    {
        ThrowIfEnded();
        // References into the heap are to unmanaged memory, which does not move; any other reference is outside the checked range.
        long offset = (byte*)Unsafe.AsPointer(ref Unsafe.AsRef(in field)) - _context.Core.Start;
        _context.Core.CheckRange(offset, sizeof(T));
        if (sizeof(T) == sizeof(ulong))
        {
            _context.Write(offset, Unsafe.As<T, ulong>(ref Unsafe.AsRef(in value)));
            return;
        }

        fixed (T* content = &value)
        {
            _context.Write(offset, (byte*)content, sizeof(T));
        }
    }

    /// <summary>Writes consecutive elements from this address on.</summary>
    public readonly void Write<T>(Ptr<T> target, ReadOnlySpan<T> values)
        where T : unmanaged
    {
        ThrowIfEnded();
        long bytes = (long)values.Length * sizeof(T);
        if (bytes > 0)
        {
            _context.Core.CheckRange(target.Offset, bytes);
            fixed (T* content = values)
            {
                _context.Write(target.Offset, (byte*)content, bytes);
            }
        }
    }

    /// <summary>
    /// The object for editing through a reference, a working copy in DRAM: at commit only the words that changed are logged.
    /// The reference is valid until the transaction ends.
    /// </summary>
    public readonly ref T Modify<T>(Ptr<T> target)
        where T : unmanaged
    {
        ThrowIfEnded();
        _context.Core.CheckRange(target.Offset, sizeof(T));
        return ref Unsafe.AsRef<T>(_context.Modify(target.Offset, sizeof(T)));
    }

    /// <summary>The object as this transaction sees it, its own writes included.</summary>
    public readonly T Read<T>(Ptr<T> source)
        where T : unmanaged
    {
        ThrowIfEnded();
        _context.Core.CheckRange(source.Offset, sizeof(T));
        T value;
        _context.Read(source.Offset, (byte*)&value, sizeof(T));
        return value;
    }

    /// <summary>Consecutive elements as this transaction sees them.</summary>
    public readonly void Read<T>(Ptr<T> source, Span<T> target)
        where T : unmanaged
    {
        ThrowIfEnded();
        long bytes = (long)target.Length * sizeof(T);
        if (bytes > 0)
        {
            _context.Core.CheckRange(source.Offset, bytes);
            fixed (T* start = target)
            {
                _context.Read(source.Offset, (byte*)start, bytes);
            }
        }
    }

    /// <summary>A new object, all zeros. Adds no fence; after an abort or a crash before the commit it is free again.</summary>
    public readonly Ptr<T> Alloc<T>()
        where T : unmanaged
    {
        ThrowIfEnded();
        return new Ptr<T>(_context.Allocate(sizeof(T), 16, zeroed: true).Offset);
    }

    /// <summary>A new object and a reference for initialising it in place: nothing of it is logged. The reference is for this transaction only.</summary>
    public readonly ref T New<T>(out Ptr<T> pointer)
        where T : unmanaged
    {
        pointer = Alloc<T>();
        return ref Unsafe.AsRef<T>(_context.Core.Start + pointer.Offset);
    }

    /// <summary>
    /// A new array, zeroed unless said otherwise: then what this transaction does not write to it is anything, today and after a crash.
    /// </summary>
    public readonly PtrSpan<T> AllocSpan<T>(long length, bool zeroed = true, long alignment = 16)
        where T : unmanaged
    {
        ThrowIfEnded();
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        return length == 0
            ? default
            : new PtrSpan<T>(new Ptr<T>(_context.Allocate(checked(length * sizeof(T)), alignment, zeroed, isWritten: zeroed).Offset), length);
    }

    /// <summary>A new array with this content.</summary>
    public readonly PtrSpan<T> AllocSpan<T>(ReadOnlySpan<T> content)
        where T : unmanaged
    {
        ThrowIfEnded();
        if (content.IsEmpty)
        {
            return default;
        }

        long offset = _context.Allocate(checked((long)content.Length * sizeof(T)), 16, zeroed: false).Offset;
        content.CopyTo(new Span<T>(_context.Core.Start + offset, content.Length));
        return new PtrSpan<T>(new Ptr<T>(offset), content.Length);
    }

    /// <summary>Makes a block from <see cref="ScmHeap.Reserve{T}"/>, with what was written to it, part of this transaction.</summary>
    public readonly void Publish<T>(Ptr<T> reserved)
        where T : unmanaged
    {
        ThrowIfEnded();
        Block block = Find(reserved.Offset);
        _context.ThrowIfDurable(block);
        _context.Publish(block);
    }

    /// <summary>Frees a block. Adds no fence; it is used again only when no replay could write to it.</summary>
    /// <exception cref="ScmMisuseException">No block starts here, or it is free already.</exception>
    public readonly void Free<T>(Ptr<T> block)
        where T : unmanaged
    {
        ThrowIfEnded();
        _context.Free(Find(block.Offset));
    }

    /// <summary>Frees an array. Empty ones have no block.</summary>
    public readonly void Free<T>(PtrSpan<T> span)
        where T : unmanaged
    {
        if (span.Length > 0)
        {
            Free(span.Start);
        }
    }

    /// <summary>
    /// The array at another length: in place where the block allows, else moved; elements beyond the old length are zero.
    /// </summary>
    public readonly PtrSpan<T> Realloc<T>(PtrSpan<T> span, long length)
        where T : unmanaged
    {
        ThrowIfEnded();
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        if (span.Length == 0 || length == 0)
        {
            Free(span);
            return AllocSpan<T>(length);
        }

        return _context.Reallocate(span, length, Find(span.Start.Offset));
    }

    /// <summary>Names an object, so that it is found when the heap is opened again. A null pointer removes the name.</summary>
    public readonly void SetRoot<[DynamicallyAccessedMembers(LayoutFingerprint.Needs)] T>(string name, Ptr<T> root)
        where T : unmanaged
    {
        ThrowIfEnded();
        if (!root.IsNull)
        {
            _context.Core.CheckRange(root.Offset, sizeof(T));
        }

        RootTable.Stage(_context.Core, _context, name, root.Offset, LayoutFingerprint.Of<T>(), sizeof(T));
    }

    private readonly Block Find(long offset) =>
        _context.Core.Allocator.TryFind(offset, out Block block)
            ? block
            : throw _context.Core.Misuse(offset, "no block starts here", "Give the pointer that the allocation returned");

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly void ThrowIfEnded()
    {
        if (_isEnded)
        {
            throw new InvalidOperationException("The transaction has ended. Begin another.");
        }
    }
}
