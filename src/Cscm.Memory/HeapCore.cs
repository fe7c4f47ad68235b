using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using Cscm.Memory.Allocation;
using Cscm.Memory.Log;
using Cscm.Memory.Media;
using Cscm.Memory.Medium;
using Cscm.Memory.Native;
using Cscm.Memory.Transactions;

namespace Cscm.Memory;

/// <summary>The engine of an open heap: what the public façade, transactions and collections share. Thread-safe.</summary>
internal sealed unsafe class HeapCore : IDisposable
{
    private const int BatchesPerRefill = 2;
    private const int SpareBatches = 64;

    /// <summary>Waiting beyond these, freed blocks are given back in the background: who only frees never comes for them.</summary>
    private const int KeptBatches = 32;
    private readonly Lock _contextsGate = new();
    private readonly List<TransactionContext> _contexts = [];
    private readonly BatchQueue _quarantine = new();
    private readonly BatchQueue _spareBatches = new();
    private readonly Lock _restockGate = new();
    private long _quarantinedBytes;
    private volatile Exception? _failure;
    private volatile bool _isClosed;
    private readonly Lock _unloggedGate = new();
    private volatile bool _handsOutUnlogged;
    private volatile bool _mayHandOutUnlogged;
    private HeapGeometry _geometry;

    [ThreadStatic]
    private static TransactionContext? t_context;

    public HeapCore(HeapMapping mapping, MediumPort medium, in Superblock superblock, HeapGeometry geometry, bool isReadOnly)
    {
        Mapping = mapping;
        Medium = medium;
        Start = medium.Start;
        Salt = superblock.Salt;
        IsReadOnly = isReadOnly;
        _geometry = geometry;
        Log = new LogArea(medium, superblock.LogOffset, superblock.LaneCount, superblock.LaneBytes, superblock.Salt);
        Allocator = new HeapAllocator(geometry);
        Checkpointer = new Checkpointer(this);
    }

    public HeapMapping Mapping { get; }

    public MediumPort Medium { get; }

    public byte* Start { get; }

    public ulong Salt { get; }

    public bool IsReadOnly { get; }

    public LogArea Log { get; }

    public HeapAllocator Allocator { get; }

    public Checkpointer Checkpointer { get; }

    public HeapGeometry Geometry
    {
        get => _geometry;
        set => Volatile.Write(ref _geometry, value);
    }

    public string Name => Medium.Name;

    public bool IsClosed => _isClosed;

    /// <summary>
    /// Memory was handed out that is written without records: a checksum of it says nothing, so new blocks get none from then on.
    /// </summary>
    public bool HandsOutUnlogged => _handsOutUnlogged;

    public long QuarantinedBytes => Volatile.Read(ref _quarantinedBytes);

    /// <summary>The calling thread's context.</summary>
    public TransactionContext Context
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get
        {
            TransactionContext? context = t_context;
            return context is not null && ReferenceEquals(context.Core, this) ? context : FindContext();
        }
    }

    public bool IsWritable => !_isClosed && _failure is null && !IsReadOnly;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void ThrowIfUnusable(bool forWriting = false)
    {
        if (_isClosed || _failure is not null || (forWriting && IsReadOnly))
        {
            ThrowUnusable();
        }
    }

    /// <summary>Throws unless the range lies in the data of the heap.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void CheckRange(long offset, long lengthBytes)
    {
        if (_isClosed || !_geometry.Holds(offset, lengthBytes))
        {
            ThrowBadRange(offset, lengthBytes);
        }
    }

    /// <summary>Latches the heap: every later call throws.</summary>
    public void Fail(Exception cause)
    {
        lock (_contextsGate)
        {
            _failure ??= cause;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Block Allocate(BlockCache cache, long sizeBytes, long alignment) =>
        sizeBytes > 0 && alignment is > 0 and <= BlockCache.Alignment && (alignment & (alignment - 1)) == 0 && cache.TryPop(sizeBytes, out Block block)
            ? block
            : AllocateSlow(cache, sizeBytes, alignment);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private Block AllocateSlow(BlockCache cache, long sizeBytes, long alignment)
    {
        ThrowIfUnusable(forWriting: true);
        if (sizeBytes <= 0 || alignment <= 0 || (alignment & (alignment - 1)) != 0)
        {
            throw Misuse(0, $"cannot allocate {sizeBytes} bytes aligned to {alignment}", "Sizes are positive, alignments powers of two");
        }

        if (sizeBytes > Geometry.SizeBytes || alignment > Geometry.SizeBytes)
        {
            throw Exhausted($"no room for {sizeBytes} bytes aligned to {alignment}: the heap has {Geometry.SizeBytes}", "Grow the heap with ScmHeap.Grow");
        }

        // Blocks that were freed and have become safe are taken before new ones: they are warmer, and the heap stays small.
        DrainQuarantine(cache, BatchesPerRefill);
        if (TryAllocate(cache, sizeBytes, alignment, out Block block))
        {
            return block;
        }

        // What was freed lately waits for the horizon: move it.
        TransactionContext context = Context;
        context.FlushQuarantine();
        Checkpointer.RunNow();
        FlushEndedContexts();
        // The background thread may just have blocks in its hands, or carve runs of what is released here.
        lock (_restockGate)
        {
            DrainQuarantine(cache, int.MaxValue);
            context.FlushCache();
            Allocator.ReleaseEmptyRuns();
            if (TryAllocate(cache, sizeBytes, alignment, out block) ||
                (alignment <= BlockCache.Alignment && Allocator.TryAllocateLarger(sizeBytes, out block)))
            {
                return block;
            }
        }

        AllocatorUsage usage = Allocator.Usage();
        throw Exhausted(
            $"no room for {sizeBytes} bytes: {usage.FreeChunkBytes} bytes in free chunks, largest piece {usage.LargestExtentBytes}",
            "Free something, or grow the heap with ScmHeap.Grow");
    }

    /// <summary>
    /// Before memory is handed out that is written without records: moves the horizon past every record that has checksums of new blocks, so
    /// that recovery never holds them against what is written there now; later ones have none (docs/decisions/0023). Once per heap and opening.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void PrepareUnlogged()
    {
        if (!_mayHandOutUnlogged)
        {
            PrepareUnloggedOnce();
        }
    }

    public QuarantineBatch NewBatch() => _spareBatches.TryDequeue() ?? new QuarantineBatch();

    /// <summary>In the background: makes beforehand what commits would else have to allocate managed memory for, and gives back what they left.</summary>
    public void Restock()
    {
        lock (_restockGate)
        {
            RestockAlone();
        }
    }

    private void RestockAlone()
    {
        while (_quarantine.Count > KeptBatches && _quarantine.TryDequeue(Checkpointer.Horizon) is QuarantineBatch batch)
        {
            foreach (ref readonly Block block in batch.Blocks)
            {
                Allocator.ReturnToRun(block);
            }

            Recycle(batch);
        }

        Allocator.TrimEmptyRuns();
        Allocator.CarveAhead();
        while (_spareBatches.Count < SpareBatches)
        {
            _spareBatches.Enqueue(new QuarantineBatch());
        }
    }

    public void Quarantine(QuarantineBatch batch)
    {
        long bytes = Interlocked.Add(ref _quarantinedBytes, batch.SizeBytes);
        _quarantine.Enqueue(batch);
        if (bytes > Geometry.SizeBytes / 8)
        {
            Checkpointer.Request();
        }
    }

    /// <summary>Releases what the horizon has passed: to the cache while it has room, else to the runs.</summary>
    public void DrainQuarantine(BlockCache cache, int maxBatches)
    {
        ulong horizon = Checkpointer.Horizon;
        while (maxBatches-- > 0 && _quarantine.TryDequeue(horizon) is QuarantineBatch batch)
        {
            foreach (ref readonly Block block in batch.Blocks)
            {
                Allocator.Return(cache, block);
            }

            Recycle(batch);
        }
    }

    private void Recycle(QuarantineBatch batch)
    {
        Interlocked.Add(ref _quarantinedBytes, -batch.SizeBytes);
        batch.Clear();
        _spareBatches.Enqueue(batch);
    }

    public TransactionContext[] Contexts()
    {
        lock (_contextsGate)
        {
            return [.. _contexts];
        }
    }

    public void Dispose()
    {
        if (_isClosed)
        {
            return;
        }

        Checkpointer.Dispose();
        if (_failure is null && !IsReadOnly)
        {
            Checkpointer.RunNow();
        }

        _isClosed = true;
        lock (_contextsGate)
        {
            foreach (TransactionContext context in _contexts)
            {
                context.Dispose();
            }

            _contexts.Clear();
        }

        Log.Dispose();
        Mapping.Dispose();
    }

    public ScmMisuseException Misuse(long offset, string problem, string remedy) => new(Name, offset == 0 ? -1 : offset, problem, remedy);

    public ScmOutOfSpaceException Exhausted(string problem, string remedy) => new(Name, problem, remedy);

    public ScmCorruptionException Corrupt(long offset, string problem, string remedy) => new(Name, offset, problem, remedy);

    private void PrepareUnloggedOnce()
    {
        lock (_unloggedGate)
        {
            if (_mayHandOutUnlogged)
            {
                return;
            }

            _handsOutUnlogged = Medium.Keeps(PersistSite.NoteUnlogged);
            // Commits announce themselves and look at the flag without a barrier of their own.
            Interlocked.MemoryBarrierProcessWide();
            foreach (TransactionContext context in Contexts())
            {
                var spinner = default(SpinWait);
                while (context.IsAddingContent)
                {
                    ThrowIfUnusable();
                    spinner.SpinOnce();
                }
            }

            if (Medium.Keeps(PersistSite.SealBeforeUnlogged))
            {
                Checkpointer.MovePast(Log.Sequence);
            }

            _mayHandOutUnlogged = true;
        }
    }

    private bool TryAllocate(BlockCache cache, long sizeBytes, long alignment, out Block block) =>
        alignment <= BlockCache.Alignment
            ? Allocator.TryAllocate(cache, sizeBytes, out block)
            : Allocator.TryAllocateAligned(cache, sizeBytes, alignment, out block);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private TransactionContext FindContext()
    {
        ThrowIfUnusable();
        Thread current = Thread.CurrentThread;
        lock (_contextsGate)
        {
            TransactionContext? mine = _contexts.Find(context => context.Owner == current);
            // A context whose thread has ended is taken over with its free blocks.
            mine ??= _contexts.Find(context => !context.Owner.IsAlive && context.Depth == 0);
            if (mine is null)
            {
                mine = new TransactionContext(this, current, _contexts.Count + 1, _contexts.Count < Log.OwnedLanes ? _contexts.Count : -1);
                _contexts.Add(mine);
            }

            mine.Owner = current;
            t_context = mine;
            return mine;
        }
    }

    private void FlushEndedContexts()
    {
        lock (_contextsGate)
        {
            foreach (TransactionContext context in _contexts)
            {
                if (!context.Owner.IsAlive)
                {
                    context.FlushQuarantine();
                    context.FlushCache();
                }
            }
        }
    }

    [DoesNotReturn]
    private void ThrowUnusable()
    {
        ObjectDisposedException.ThrowIf(_isClosed, this);
        throw _failure is not null
            ? new ScmFailedException(Name, $"the heap failed earlier: {_failure.Message}", _failure)
            : Misuse(0, "the heap is open read-only", "Open it for writing");
    }

    [DoesNotReturn]
    private void ThrowBadRange(long offset, long lengthBytes)
    {
        ObjectDisposedException.ThrowIf(_isClosed, this);
        throw Misuse(
            offset,
            offset == 0 ? "a null pointer was followed" : $"{lengthBytes} bytes from offset 0x{offset:x} are not inside the heap's data",
            "Use pointers that this heap's allocations and roots gave");
    }
}
