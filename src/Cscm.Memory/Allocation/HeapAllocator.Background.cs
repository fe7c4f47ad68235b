namespace Cscm.Memory.Allocation;

/// <summary>What the background thread does for those who allocate, and what is undone where chunks are scarce.</summary>
internal sealed partial class HeapAllocator
{
    /// <summary>Chunks are plenty where more than this share of them is free.</summary>
    private const int ScarceShare = 4;

    /// <summary>Whether somebody calls <see cref="TrimEmptyRuns"/> and <see cref="CarveAhead"/> now and then: releasing chunks and carving runs take managed memory.</summary>
    public bool IsTrimmedInBackground { get; set; }

    /// <summary>Called when runs carved ahead run short.</summary>
    public Action? Wanting { get; set; }

    /// <summary>Releases empty runs but for one of each class. Called in the background.</summary>
    public void TrimEmptyRuns()
    {
        foreach (Bin bin in _bins)
        {
            if (bin.EmptyRuns > 1)
            {
                lock (bin)
                {
                    for (Run? run = bin.First; run is not null && bin.EmptyRuns > 1;)
                    {
                        Run? next = run.Next;
                        if (run.FreeCount == run.BlockCount)
                        {
                            Release(bin, run);
                        }

                        run = next;
                    }
                }
            }
        }
    }

    /// <summary>
    /// Carves as many runs of each class as are wanted ahead, so that who allocates finds them. Only where chunks are plenty. Called in the background.
    /// </summary>
    public void CarveAhead()
    {
        for (int sizeClass = 0; sizeClass < _bins.Length; sizeClass++)
        {
            Bin bin = _bins[sizeClass];
            if (bin.Carved.Count < bin.WantedCount)
            {
                lock (bin)
                {
                    while (bin.Carved.Count < bin.WantedCount && Volatile.Read(ref _geometry).ChunkCount / ScarceShare < _spans.FreeChunks && Carve(sizeClass) is Run run)
                    {
                        bin.Carved.Push(run);
                    }
                }
            }
        }
    }

    /// <summary>Releases the empty runs that were kept.</summary>
    public void ReleaseEmptyRuns()
    {
        foreach (Bin bin in _bins)
        {
            lock (bin)
            {
                for (Run? run = bin.First; run is not null;)
                {
                    Run? next = run.Next;
                    if (run.FreeCount == run.BlockCount)
                    {
                        Release(bin, run);
                    }

                    run = next;
                }

                bin.WantedCount = 0;
                while (bin.Carved.TryPop(out Run? ahead))
                {
                    lock (_spansGate)
                    {
                        ReturnChunks(ahead);
                    }
                }
            }
        }
    }

    /// <summary>A run carved ahead. The more often there is none, the more are wanted.</summary>
    private Run? TakeCarved(Bin bin, int sizeClass)
    {
        bool isFound = bin.Carved.TryPop(out Run? run);
        if (!isFound)
        {
            bin.WantedCount = Math.Min(Math.Max(2, 2 * bin.WantedCount), Math.Max(2, MaxCarvedAhead / SizeClasses.ChunksPerRun(sizeClass)));
        }

        if (bin.Carved.Count <= bin.WantedCount / 2)
        {
            Wanting?.Invoke();
        }

        return run;
    }
}
