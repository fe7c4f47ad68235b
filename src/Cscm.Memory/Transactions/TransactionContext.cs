using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using Cscm.Memory.Allocation;
using Cscm.Memory.Log;
using Cscm.Memory.Media;
using Cscm.Memory.Medium;

namespace Cscm.Memory.Transactions;

/// <summary>
/// One thread's side of a heap: the transaction it is in, its free blocks, its counters. Never used by two threads at once.
/// Collections of this assembly use it directly.
/// </summary>
internal sealed unsafe partial class TransactionContext : IDisposable
{
    // Longer transactions read their own writes through an index.
    private const long SearchedBytes = 1024;

    /// <summary>More freed blocks have a set beside their list.</summary>
    private const int FreedSearched = 16;
    private readonly HeapCore _core;
    private readonly MediumPort _medium;
    private readonly byte* _heap;
    private readonly LogArea _log;
    private readonly StagingBuffer _staging = new();
    private readonly WorkingCopies _copies = new();
    private readonly NewBlocks _new = new();
    private readonly int _ownLane;
    private readonly HashSet<Block> _freedSet = [];
    private Block[] _freed = new Block[FreedSearched];
    private int _freedCount;
    private QuarantineBatch _quarantine = new();
    private LineShadow? _shadow;
    private OverflowWriter? _overflow;
    private StagingBuffer? _overflowRecord;
    private bool _isDoomed;

    public TransactionContext(HeapCore core, Thread owner, int number, int ownLane)
    {
        Number = number;
        _core = core;
        _medium = core.Medium;
        _heap = core.Medium.Start;
        Owner = owner;
        _ownLane = ownLane;
        _log = core.Log;
        _isDirect = ownLane >= 0 && !_medium.MayFail && _log.MaxRecordBytes >= LogRecord.Size + MaxDirectBytes;
    }

    /// <summary>Changed only under the core's lock, when the old owner has ended.</summary>
    public Thread Owner { get; set; }

    public HeapCore Core => _core;

    /// <summary>Of this context among all of its heap, from 1.</summary>
    public int Number { get; }

    public BlockCache Cache { get; } = new();

    /// <summary>Nested begins not yet ended.</summary>
    public int Depth { get; private set; }

    public long CommitCount { get; private set; }

    public long LogLineCount { get; private set; }

    public long NewLineCount { get; private set; }

    public void Begin()
    {
        _core.ThrowIfUnusable(forWriting: true);
        if (Depth++ == 0)
        {
            _isDoomed = false;
        }
    }

    /// <summary>Ends one nesting level; the outermost commits. Throws when an inner one had aborted.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Commit()
    {
        if (!TryCommitShort())
        {
            CommitOtherwise();
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void CommitOtherwise()
    {
        if (Depth > 1)
        {
            Depth--;
            return;
        }

        if (_isDoomed)
        {
            Abort();
            throw _core.Misuse(0, "the transaction cannot commit: one nested in it was aborted", "Let the exception that aborted it pass, or retry the whole");
        }

        try
        {
            CommitOutermost();
        }
        catch
        {
            if (Depth > 0)
            {
                Abort();
            }

            throw;
        }
    }

    /// <summary>Ends one nesting level without effect; an inner one dooms the outer ones.</summary>
    public void Abort()
    {
        if (--Depth > 0)
        {
            _isDoomed = true;
            return;
        }

        if (_isMarked)
        {
            MarkAllocation(isUndone: true);
        }

        foreach (ref readonly NewBlock item in _new.Blocks)
        {
            _core.Allocator.Return(Cache, item.Block);
        }

        _overflow?.Cancel(_core, Cache);
        Reset();
    }

    // --- Writing. Offsets have been checked by the caller. ---

    /// <summary>Stages one aligned or unaligned 8-byte write.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Write(long offset, ulong value)
    {
        Prefetch(_heap + offset);
        if ((_new.Count | _copies.Count) == 0)
        {
            _staging.Write(offset, value);
        }
        else
        {
            Write(offset, (byte*)&value, sizeof(ulong));
        }
    }

    /// <summary>
    /// Room for whole entries of the log, for who knows that the transaction has neither new blocks nor working copies: the first operation in
    /// it. Prefetch the homes.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong* StageEntries(long bytes)
    {
        Debug.Assert((_new.Count | _copies.Count) == 0, "only the first writes of a transaction may pass these by");
        return _staging.Entry(bytes);
    }

    public void Write(long offset, byte* content, long lengthBytes)
    {
        if (lengthBytes == 0)
        {
            return;
        }

        if (_new.Count != 0 && _new.HoldsForWriting(offset, _core.Allocator))
        {
            // Nothing reaches the block before the commit: it is initialised in place, and written back under the commit's fence.
            Buffer.MemoryCopy(content, _heap + offset, lengthBytes, lengthBytes);
            return;
        }

        if (_copies.Count != 0)
        {
            _copies.Overlay(offset, content, lengthBytes);
        }

        Prefetch(_heap + offset);
        _staging.Write(offset, content, lengthBytes);
    }

    /// <summary>
    /// The working copy of a range, editable until commit: only what differs then is logged. In a block this transaction
    /// allocated: the block itself.
    /// </summary>
    public byte* Modify(long offset, long lengthBytes)
    {
        if (_new.Count != 0 && _new.HoldsForWriting(offset, _core.Allocator))
        {
            return _heap + offset;
        }

        byte* copy = _copies.Find(offset, lengthBytes, out bool overlaps);
        if (copy != null)
        {
            return copy;
        }

        if (overlaps)
        {
            throw _core.Misuse(offset, "this range overlaps another that the transaction modifies", "Modify the enclosing object once");
        }

        copy = _copies.Add(offset, lengthBytes, out byte* before);
        ReadStaged(offset, before, lengthBytes);
        Buffer.MemoryCopy(before, copy, lengthBytes, lengthBytes);
        return copy;
    }

    /// <summary>The content as this transaction sees it: its own writes over what is committed.</summary>
    public void Read(long offset, byte* target, long lengthBytes)
    {
        ReadStaged(offset, target, lengthBytes);
        if (_copies.Count != 0)
        {
            _copies.ReadInto(offset, target, lengthBytes);
        }
    }

    // --- Allocation ---

    /// <summary>A new block. <c>isWritten</c>: the caller fills it through its address; else only what is written through the transaction makes it worth keeping.</summary>
    public Block Allocate(long sizeBytes, long alignment, bool zeroed, bool isWritten = true)
    {
        Block block = _core.Allocate(Cache, sizeBytes, alignment);
        if (isWritten)
        {
            Prefetch(_heap + block.Offset);
        }

        if (zeroed)
        {
            System.Runtime.InteropServices.NativeMemory.Clear(_heap + block.Offset, (nuint)sizeBytes);
        }

        _new.Add(block, sizeBytes, isWritten);
        return block;
    }

    /// <summary>Makes a block that was reserved outside transactions part of this one, content and all.</summary>
    public void Publish(in Block block)
    {
        _new.Add(block, block.SizeBytes, isWritten: true);
        _hasPublished = true;
    }

    public bool IsNew(in Block block) => _new.Contains(block);

    public void Free(in Block block)
    {
        if (_new.Remove(block))
        {
            _core.Allocator.Return(Cache, block);
            return;
        }

        if (!block.Run.IsAllocated(block.Index) || IsFreed(block))
        {
            throw _core.Misuse(block.Offset, "the block is not allocated (freed twice?)", "Free each block once, in one transaction");
        }

        if (_freedCount == _freed.Length)
        {
            Array.Resize(ref _freed, 2 * _freedCount);
        }

        _freed[_freedCount++] = block;
        if (_freedCount > FreedSearched)
        {
            NoteFreed();
        }
    }

    public void ThrowIfDurable(in Block block)
    {
        if (block.Run.IsAllocated(block.Index) || IsNew(block))
        {
            throw _core.Misuse(block.Offset, "the block is allocated already", "Publish a block once, after Reserve");
        }

        if (block.Run.IsFree(block.Index))
        {
            throw _core.Misuse(block.Offset, "the block is free", "Publish a block after Reserve, before Cancel");
        }
    }

    public PtrSpan<T> Reallocate<T>(PtrSpan<T> span, long length, in Block old)
        where T : unmanaged
    {
        if (span.Length < 0 || span.Length > old.SizeBytes / sizeof(T))
        {
            throw _core.Misuse(old.Offset, $"an array of {span.Length} elements of {sizeof(T)} bytes does not fit into its block of {old.SizeBytes}", "Give the array as it was allocated");
        }

        long oldBytes = span.Length * sizeof(T);
        long newBytes = checked(length * sizeof(T));

        if (newBytes <= old.SizeBytes && newBytes > old.SizeBytes / 2)
        {
            if (newBytes > oldBytes)
            {
                ClearRange(old.Offset + oldBytes, newBytes - oldBytes);
            }

            return new PtrSpan<T>(span.Start, length);
        }

        Block block = Allocate(newBytes, 16, zeroed: newBytes > oldBytes);
        Read(old.Offset, _heap + block.Offset, Math.Min(oldBytes, newBytes));
        Free(old);
        return new PtrSpan<T>(new Ptr<T>(block.Offset), length);
    }

    private void ClearRange(long offset, long lengthBytes)
    {
        byte* zeros = stackalloc byte[1024];
        new Span<byte>(zeros, 1024).Clear();
        for (; lengthBytes > 0; offset += 1024, lengthBytes -= 1024)
        {
            Write(offset, zeros, Math.Min(lengthBytes, 1024));
        }
    }

    public long QuarantinedBytes => _quarantine.SizeBytes;

    public void FlushQuarantine()
    {
        if (_quarantine.Count > 0)
        {
            _core.Quarantine(_quarantine);
            _quarantine = _core.NewBatch();
        }
    }

    /// <summary>Gives all cached blocks back to their runs.</summary>
    public void FlushCache()
    {
        for (int sizeClass = 0; sizeClass < SizeClasses.Count; sizeClass++)
        {
            while (Cache.TryPop(sizeClass, out Block block))
            {
                _core.Allocator.ReturnToRun(block);
            }
        }
    }

    public void Dispose()
    {
        // What a transaction still open allocates then is refused, not memory that is gone.
        Cache.Clear();
        _staging.Dispose();
        _overflowRecord?.Dispose();
        _shadow?.Dispose();
        _copies.Dispose();
    }

    /// <summary>The home line comes in while the record goes out, so that the stores after the fence do not wait for it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Prefetch(byte* home)
    {
        if (Sse.IsSupported)
        {
            Sse.Prefetch0(home);
        }
    }

    private void ReadStaged(long offset, byte* target, long lengthBytes)
    {
        if (_new.Count != 0 && _new.Holds(offset, _core.Allocator))
        {
            // Edited in place; its line may be shared with a block that has staged writes, and then the shadow's copy of it is old.
            Buffer.MemoryCopy(_heap + offset, target, lengthBytes, lengthBytes);
            return;
        }

        if (_staging.LengthBytes > SearchedBytes)
        {
            (_shadow ??= new LineShadow()).Read(_heap, _staging, offset, target, lengthBytes);
            return;
        }

        Buffer.MemoryCopy(_heap + offset, target, lengthBytes, lengthBytes);
        byte* entry = _staging.Entries;
        while (entry < _staging.End)
        {
            if (LogEntries.TryGetWrite(ref entry, out long entryOffset, out byte* content, out long entryBytes))
            {
                long from = Math.Max(offset, entryOffset);
                long to = Math.Min(offset + lengthBytes, entryOffset + entryBytes);
                if (from < to)
                {
                    Buffer.MemoryCopy(content + (from - entryOffset), target + (from - offset), to - from, to - from);
                }
            }
        }
    }

    private bool IsFreed(in Block block) =>
        _freedCount > FreedSearched ? _freedSet.Contains(block) : _freed.AsSpan(0, _freedCount).Contains(block);

    private void NoteFreed()
    {
        for (int i = _freedSet.Count; i < _freedCount; i++)
        {
            _freedSet.Add(_freed[i]);
        }
    }

    private void Reset()
    {
        if (_new.Count != 0 || _hasPublished)
        {
            EndContent();
        }

        if (_freedCount > FreedSearched)
        {
            // The few others may hold on to their runs.
            Array.Clear(_freed, 0, _freedCount);
            _freedSet.Clear();
        }

        _overflow = null;
        Forget();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Forget()
    {
        if (_new.Count != 0)
        {
            _new.Clear();
        }

        if (_freedCount != 0)
        {
            _freedCount = 0;
        }

        if (_copies.Count != 0)
        {
            _copies.Clear();
        }

        if (_shadow is not null)
        {
            _shadow.Clear();
        }

        if (!_staging.IsEmpty)
        {
            _staging.Clear();
        }

        if (_participantCount != 0)
        {
            EndParticipants();
        }
    }
}
