using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Cscm.Memory.Media;

namespace Cscm.Memory.Allocation;

/// <summary>
/// Who holds which block, in volatile memory; the durable truth (a bit per block) changes only by the entries of log records.
/// Lock order: a bin, then the spans.
/// </summary>
internal sealed partial class HeapAllocator
{
    private const int MaxCarvedAhead = 32;

    private readonly Bin[] _bins = new Bin[SizeClasses.Count];
    private readonly Lock _spansGate = new();
    private readonly FreeSpans _spans = new();
    private HeapGeometry _geometry;
    private Run?[] _runs;

    public HeapAllocator(HeapGeometry geometry)
    {
        _geometry = geometry;
        _runs = new Run?[geometry.ChunkCount];
        for (int i = 0; i < _bins.Length; i++)
        {
            _bins[i] = new Bin();
        }
    }

    /// <summary>A free block of at least this size, now held by the caller; false when no chunk is left.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryAllocate(BlockCache cache, long sizeBytes, out Block block)
    {
        if (sizeBytes <= SizeClasses.LargestBytes)
        {
            int sizeClass = SizeClasses.ClassOf(sizeBytes);
            return cache.TryPop(sizeClass, out block) || TryAllocateSlow(cache, sizeClass, sizeBytes, out block);
        }

        return TryAllocateExtent(sizeBytes, MediaLayout.ChunkBytes, out block);
    }

    /// <summary>The last resort: a free block of a larger class, when no chunk is left for a run of the right one.</summary>
    public bool TryAllocateLarger(long sizeBytes, out Block block)
    {
        if (sizeBytes <= SizeClasses.LargestBytes)
        {
            for (int sizeClass = SizeClasses.ClassOf(sizeBytes); sizeClass < SizeClasses.Count; sizeClass++)
            {
                lock (_bins[sizeClass])
                {
                    if (_bins[sizeClass].First is not null)
                    {
                        block = Take(_bins[sizeClass]);
                        return true;
                    }
                }
            }
        }

        block = default;
        return false;
    }

    /// <summary>As above, at a multiple of the alignment (a power of two).</summary>
    public bool TryAllocateAligned(BlockCache cache, long sizeBytes, long alignment, out Block block)
    {
        int sizeClass = sizeBytes <= SizeClasses.LargestBytes && alignment <= MediaLayout.ChunkBytes
            ? SizeClasses.ClassOf(sizeBytes, alignment)
            : -1;
        return sizeClass >= 0
            ? TryAllocate(cache, SizeClasses.SizeOf(sizeClass), out block)
            : TryAllocateExtent(sizeBytes, alignment, out block);
    }

    /// <summary>Gives a block back that nothing durable refers to and no replay can write to.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Return(BlockCache cache, in Block block)
    {
        if (block.Run.IsExtent || !cache.TryPush(block))
        {
            ReturnToRun(block);
        }
    }

    public void ReturnToRun(in Block block)
    {
        Run run = block.Run;
        if (run.IsExtent)
        {
            lock (_spansGate)
            {
                ReturnChunks(run);
            }

            return;
        }

        Bin bin = _bins[run.SizeClass];
        lock (bin)
        {
            run.Return(block.Index);
            if (run.FreeCount == 1)
            {
                bin.Add(run);
            }

            // One empty run per class is kept: a class that oscillates would otherwise carve and release at every turn.
            if (run.FreeCount == run.BlockCount && ++bin.EmptyRuns > 1 && !IsTrimmedInBackground)
            {
                Release(bin, run);
            }
        }
    }

    /// <summary>The block that starts at this offset; false when none does.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryFind(long offset, out Block block)
    {
        int chunk = _geometry.ChunkOf(offset);
        Run? run = chunk < 0 ? null : Volatile.Read(ref _runs)[chunk];
        if (run is not null)
        {
            long distance = offset - run.DataOffset;
            int index = run.IsExtent ? 0 : SizeClasses.BlockAt(run.SizeClass, distance);
            if (index * run.BlockBytes == distance && index < run.BlockCount)
            {
                block = new Block(run, index);
                return true;
            }
        }

        block = default;
        return false;
    }

    /// <summary>The block that holds the byte at this offset; false inside extents beyond their first chunk, and where none is.</summary>
    public bool TryFindAround(long offset, out Block block)
    {
        int chunk = _geometry.ChunkOf(offset);
        Run? run = chunk < 0 ? null : Volatile.Read(ref _runs)[chunk];
        block = default;
        if (run is null)
        {
            return false;
        }

        int index = run.IsExtent ? 0 : SizeClasses.BlockAt(run.SizeClass, offset - run.DataOffset);
        if (index >= run.BlockCount)
        {
            return false;
        }

        block = new Block(run, index);
        return true;
    }

    public AllocatorUsage Usage()
    {
        long freeInRuns = 0;
        long rounding = 0;
        long runChunks = 0;
        lock (_spansGate)
        {
            Run? last = null;
            foreach (Run? run in _runs)
            {
                if (run is not null && !ReferenceEquals(run, last))
                {
                    last = run;
                    runChunks += run.ChunkCount;
                    freeInRuns += run.FreeCount * run.BlockBytes;
                    rounding += (run.ChunkCount * MediaLayout.ChunkBytes) - (run.BlockCount * run.BlockBytes);
                }
            }

            return new AllocatorUsage(
                (long)_geometry.ChunkCount * MediaLayout.ChunkBytes,
                _spans.FreeChunks * MediaLayout.ChunkBytes,
                _spans.LargestSpan * MediaLayout.ChunkBytes,
                _spans.SpanCount,
                freeInRuns,
                runChunks * MediaLayout.ChunkBytes,
                rounding);
        }
    }

    /// <summary>On open: a run or extent that the medium describes, with the blocks that are allocated.</summary>
    public unsafe void AdoptRun(Run run, ulong* allocatedBits)
    {
        for (int i = 0; i < run.BlockCount; i++)
        {
            if ((allocatedBits[i >> 6] & (1UL << (i & 63))) != 0)
            {
                run.SetAllocated(i, isAllocated: true);
            }
            else
            {
                run.Return(i);
            }
        }

        run.IsDescribed = true;
        Occupy(run);
        if (run.FreeCount > 0)
        {
            _bins[run.SizeClass].Add(run);
        }
    }

    /// <summary>On open and growth: chunks that nothing occupies.</summary>
    public void AdoptFree(int firstChunk, int count)
    {
        lock (_spansGate)
        {
            ReturnSpan(firstChunk, count);
        }
    }

    public void Grow(HeapGeometry geometry)
    {
        lock (_spansGate)
        {
            var runs = new Run?[geometry.ChunkCount];
            _runs.CopyTo(runs, 0);
            int first = _geometry.ChunkCount;
            Volatile.Write(ref _runs, runs);
            _geometry = geometry;
            ReturnSpan(first, geometry.ChunkCount - first);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool TryAllocateSlow(BlockCache cache, int sizeClass, long sizeBytes, out Block block)
    {
        Bin bin = _bins[sizeClass];
        lock (bin)
        {
            if (bin.First is null)
            {
                Run? carved = TakeCarved(bin, sizeClass) ?? Carve(sizeClass);
                if (carved is null)
                {
                    // No room for a run of this class; a chunk of its own may still hold a large block.
                    block = default;
                    return SizeClasses.ChunksPerRun(sizeClass) > 1 && TryAllocateExtent(sizeBytes, MediaLayout.ChunkBytes, out block);
                }

                bin.Add(carved);
                bin.EmptyRuns++;
            }

            block = Take(bin);
            // Half a cache at a time: the other half is room for frees.
            for (int more = cache.Room(sizeClass) / 2; more > 0 && bin.First is not null; more--)
            {
                cache.TryPush(Take(bin));
            }

            return true;
        }
    }

    private void Release(Bin bin, Run run)
    {
        bin.EmptyRuns--;
        bin.Remove(run);
        lock (_spansGate)
        {
            ReturnChunks(run);
        }
    }

    private static Block Take(Bin bin)
    {
        Run run = bin.First!;
        if (run.FreeCount == run.BlockCount)
        {
            bin.EmptyRuns--;
        }

        var block = new Block(run, run.Take());
        if (run.FreeCount == 0)
        {
            bin.Remove(run);
        }

        return block;
    }

    private Run? Carve(int sizeClass)
    {
        int count = SizeClasses.ChunksPerRun(sizeClass);
        lock (_spansGate)
        {
            int first = _spans.Take(count, 1, NumberFromHeapStart);
            if (first < 0)
            {
                return null;
            }

            var run = new Run(sizeClass, first, count, _geometry.DataOffsetOf(first), _geometry.HeaderOffsetOf(first), isFree: true);
            Occupy(run);
            return run;
        }
    }

    private bool TryAllocateExtent(long sizeBytes, long alignment, out Block block)
    {
        block = default;
        long count = (sizeBytes + MediaLayout.ChunkBytes - 1) / MediaLayout.ChunkBytes;
        if (count > _geometry.ChunkCount)
        {
            return false;
        }

        lock (_spansGate)
        {
            int alignmentChunks = (int)Math.Min(Math.Max(1, alignment / MediaLayout.ChunkBytes), int.MaxValue);
            int first = _spans.Take((int)count, alignmentChunks, NumberFromHeapStart);
            if (first < 0)
            {
                return false;
            }

            var run = new Run(Run.ExtentClass, first, (int)count, _geometry.DataOffsetOf(first), _geometry.HeaderOffsetOf(first), isFree: false);
            _runs[first] = run;
            block = new Block(run, 0);
            return true;
        }
    }

    private long NumberFromHeapStart(int chunk) => _geometry.DataOffsetOf(chunk) / MediaLayout.ChunkBytes;

    private void Occupy(Run run)
    {
        int count = run.IsExtent ? 1 : run.ChunkCount;
        for (int i = 0; i < count; i++)
        {
            _runs[run.FirstChunk + i] = run;
        }
    }

    private void ReturnChunks(Run run)
    {
        for (int i = 0; i < (run.IsExtent ? 1 : run.ChunkCount); i++)
        {
            _runs[run.FirstChunk + i] = null;
        }

        ReturnSpan(run.FirstChunk, run.ChunkCount);
    }

    private void ReturnSpan(int first, int count)
    {
        if (count > 0)
        {
            bool mergeBefore = true;
            bool mergeAfter = true;
            foreach (HeapGeometry.Region region in _geometry.Regions)
            {
                mergeBefore &= region.FirstChunk != first;
                mergeAfter &= region.FirstChunk != first + count;
            }

            _spans.Return(first, count, mergeBefore, mergeAfter);
        }
    }

    private sealed class Bin
    {
        public Run? First { get; private set; }

        public int EmptyRuns { get; set; }

        /// <summary>Empty runs that were never used: not in the list, and not counted above.</summary>
        public Stack<Run> Carved { get; } = new(MaxCarvedAhead);

        /// <summary>As many are to be carved ahead.</summary>
        public int WantedCount { get; set; }

        public void Add(Run run)
        {
            run.Previous = null;
            run.Next = First;
            if (First is not null)
            {
                First.Previous = run;
            }

            First = run;
        }

        public void Remove(Run run)
        {
            if (run.Previous is null)
            {
                First = run.Next;
            }
            else
            {
                run.Previous.Next = run.Next;
            }

            if (run.Next is not null)
            {
                run.Next.Previous = run.Previous;
            }

            run.Next = run.Previous = null;
        }
    }
}

/// <param name="DataBytes">All chunks.</param>
/// <param name="FreeChunkBytes">In chunks that nothing occupies.</param>
/// <param name="LargestExtentBytes">The largest extent that fits now.</param>
/// <param name="FreeSpanCount">Pieces that the free chunks are in.</param>
/// <param name="FreeInRunsBytes">Free blocks of runs, outside threads' caches and the quarantine.</param>
/// <param name="RunBytes">In chunks carved into runs or extents.</param>
/// <param name="RoundingBytes">Behind the last block of runs.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct AllocatorUsage(
    long DataBytes, long FreeChunkBytes, long LargestExtentBytes, int FreeSpanCount, long FreeInRunsBytes, long RunBytes, long RoundingBytes);
