using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using Cscm.Memory.Allocation;
using Cscm.Memory.Transactions;

namespace Cscm.Memory.Collections;

/// <summary>The nodes of one collection as its writing transaction sees them, and the edits it stages. Used under the write lock.</summary>
internal sealed unsafe class NodeStore(HeapCore core, CollectionGate gate, string kind, long header, int headerBytes)
{
    private readonly NodeCopies _copies = gate.Copies;
    private readonly byte* _start = core.Start;

    /// <summary>The node, own changes included. To be read only.</summary>
    public byte* Read(long offset, int lengthBytes)
    {
        if (!_copies.IsEmpty && _copies.TryGet(offset, out byte* copy))
        {
            return copy;
        }

        if (!IsInside(offset, lengthBytes))
        {
            ThrowDamaged(offset);
        }

        return _start + offset;
    }

    /// <summary>The node for editing; follow each edit by <see cref="Stage"/>.</summary>
    public byte* Edit(long offset, int lengthBytes) =>
        _copies.TryGet(offset, out byte* copy) ? copy : _copies.Add(offset, Read(offset, lengthBytes), lengthBytes);

    /// <summary>Logs a part of a node that was edited. A node that the transaction allocated needs none.</summary>
    public void Stage(TransactionContext context, long offset, byte* node, long at, long lengthBytes)
    {
        if (node != _start + offset)
        {
            context.Write(offset + at, node + at, lengthBytes);
        }
    }

    public void StageWord(TransactionContext context, long offset, byte* node, long at, ulong value)
    {
        *(ulong*)(node + at) = value;
        Stage(context, offset, node, at, sizeof(ulong));
    }

    /// <summary>Sets a word that nothing else in this operation reads: alone in its transaction, without a copy of the node.</summary>
    public void SetWord(TransactionContext context, long offset, int lengthBytes, long at, ulong value)
    {
        if (context.Depth > 1 || _copies.TryGet(offset, out _))
        {
            StageWord(context, offset, Edit(offset, lengthBytes), at, value);
            return;
        }

        if (!IsInside(offset, lengthBytes))
        {
            ThrowDamaged(offset);
        }

        context.Write(offset + at, value);
    }

    /// <summary>A word of the collection's header, own changes included.</summary>
    public long Header(int at) => *(long*)(Read(header, headerBytes) + at);

    public void SetHeader(TransactionContext context, int at, long value) =>
        StageWord(context, header, Edit(header, headerBytes), at, (ulong)value);

    /// <summary>A new node, its first line zero, edited in place.</summary>
    public long Allocate(TransactionContext context, int lengthBytes, out byte* node)
    {
        long offset = context.Allocate(lengthBytes, 64, zeroed: false).Offset;
        node = _start + offset;
        if (Sse.IsSupported)
        {
            // Not touched for long: all its lines come in at once.
            for (int at = 64; at < lengthBytes; at += 64)
            {
                Sse.Prefetch0(node + at);
            }
        }

        new Span<byte>(node, 64).Clear();
        _copies.AddNew(offset, node);
        return offset;
    }

    public void Free(TransactionContext context, long offset)
    {
        if (!core.Allocator.TryFind(offset, out Block block))
        {
            ThrowDamaged(offset);
        }

        context.Free(block);
        _copies.Remove(offset);
    }

    /// <summary>Whether a node may be read here: also what a reader asks before it follows a pointer from a node that may be torn.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool IsInside(long offset, int lengthBytes)
    {
        Media.HeapGeometry geometry = core.Geometry;
        return (ulong)(offset - geometry.DataOffset) <= (ulong)(geometry.SizeBytes - geometry.DataOffset - lengthBytes) & (offset & 7) == 0;
    }

    /// <summary>The first offset where a node can be, and how far behind it the last of this length.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public (long First, ulong Room) Bounds(int lengthBytes)
    {
        Media.HeapGeometry geometry = core.Geometry;
        return (geometry.DataOffset, (ulong)(geometry.SizeBytes - geometry.DataOffset - lengthBytes));
    }

    [DoesNotReturn]
    public void ThrowDamaged(long offset) =>
        throw core.Corrupt(header, $"the {kind} here points to 0x{offset:x}, where no node can be", "Restore the heap from a backup");
}
