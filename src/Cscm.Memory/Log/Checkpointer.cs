using System.Diagnostics;
using Cscm.Memory.Media;
using Cscm.Memory.Medium;

namespace Cscm.Memory.Log;

/// <summary>
/// Moves the one global horizon: brings the bits of bitmaps home, writes home lines back, then records the cut, then gives the log's space back. Runs on a
/// background thread when a lane is half full; a writer that finds its lane full runs it itself. Thread-safe.
/// </summary>
internal sealed unsafe class Checkpointer(HeapCore core) : IDisposable
{
    private readonly Lock _gate = new();
    private readonly LineFilter _writtenBack = new();
    private readonly BitmapChanges _bits = new();
    private readonly AutoResetEvent _requested = new(false);
    private Thread? _thread;
    private int _isRequested;
    private int _isCheckpointWanted;
    private volatile bool _stop;
    private ulong _horizon;
    private ulong _generation;
    private DirtyPages? _observer;

    /// <summary>Every transaction up to this number is durable in its home locations.</summary>
    public ulong Horizon => Volatile.Read(ref _horizon);

    public long Count { get; private set; }

    public long FenceCount { get; private set; }

    public TimeSpan WorstStall { get; private set; }

    /// <summary>Takes over what recovery found and wrote.</summary>
    public void Reset(ulong horizon, ulong generation)
    {
        _horizon = horizon;
        _generation = generation;
    }

    /// <summary>From now on tells which pages the records that leave the log changed; null ends it.</summary>
    public void Observe(DirtyPages? observer)
    {
        lock (_gate)
        {
            _observer = observer;
        }
    }

    public void Start()
    {
        core.Allocator.IsTrimmedInBackground = true;
        core.Allocator.Wanting = Wake;
        _thread = new Thread(RunInBackground) { IsBackground = true, Name = "cscm checkpoint" };
        _thread.Start();
    }

    public void Dispose()
    {
        _stop = true;
        _requested.Set();
        _thread?.Join();
        _requested.Dispose();
    }

    /// <summary>Asks the background thread for a checkpoint soon.</summary>
    public void Request()
    {
        if (_thread is not null && Volatile.Read(ref _isCheckpointWanted) == 0 && Interlocked.Exchange(ref _isCheckpointWanted, 1) == 0)
        {
            Wake();
        }
    }

    /// <summary>Makes room in a lane that the caller holds, and in which nothing is in flight.</summary>
    public void MakeSpace(int lane, long recordBytes)
    {
        long began = Stopwatch.GetTimestamp();
        var spinner = default(SpinWait);
        while (!core.Log.HasSpace(lane, recordBytes))
        {
            RunNow();
            // A commit in flight elsewhere may hold the horizon for a moment.
            spinner.SpinOnce();
        }

        TimeSpan stall = Stopwatch.GetElapsedTime(began);
        lock (_gate)
        {
            WorstStall = stall > WorstStall ? stall : WorstStall;
        }
    }

    /// <summary>Returns when the horizon has passed this number.</summary>
    public void MovePast(ulong sequence)
    {
        var spinner = default(SpinWait);
        while (Horizon < sequence)
        {
            RunNow();
            // A commit in flight may hold the horizon for a moment.
            spinner.SpinOnce();
        }
    }

    /// <summary>Brings the bitmaps at home up to date, for who reads them. Not where the heap is read-only: there replay has.</summary>
    public void SettleBitmaps()
    {
        if (!core.IsReadOnly)
        {
            MovePast(core.Log.Sequence);
        }
    }

    /// <summary>Moves the horizon as far as it goes now. Throws <see cref="ScmFailedException"/> when the medium fails.</summary>
    public void RunNow()
    {
        lock (_gate)
        {
            core.ThrowIfUnusable();
            try
            {
                Run();
            }
            catch (Exception failure)
            {
                core.Fail(failure);
                throw;
            }
        }
    }

    private void Run()
    {
        LogArea log = core.Log;
        MediumPort medium = core.Medium;
        ulong upTo = log.AppliedUpTo();
        if (upTo <= _horizon)
        {
            return;
        }

        if (medium.Keeps(PersistSite.ForgetWrittenBack))
        {
            _writtenBack.Clear();
        }

        Span<long> tails = stackalloc long[log.LaneCount];
        HeapGeometry geometry = core.Geometry;
        for (int lane = 0; lane < log.LaneCount; lane++)
        {
            tails[lane] = WriteBackLane(lane, upTo, geometry);
        }

        _bits.WriteBack(medium, PersistSite.WriteBackHomes);
        long fences = 0;
        medium.Fence(PersistSite.FenceHomes, ref fences, 0, 0);
        CheckpointWriter.Write(medium, ++_generation, upTo, tails, core.Salt, PersistSite.FenceCheckpoint, ref fences);
        FenceCount += fences;
        Count++;

        // Only now may the space be overwritten and the freed blocks be used again.
        Volatile.Write(ref _horizon, upTo);
        for (int lane = 0; lane < log.LaneCount; lane++)
        {
            Volatile.Write(ref log[lane]->Tail, tails[lane]);
        }
    }

    /// <summary>Starts the write-back of the homes of a lane's records up to the number; returns the position behind them.</summary>
    private long WriteBackLane(int lane, ulong upTo, HeapGeometry geometry)
    {
        LogArea log = core.Log;
        Lane* state = log[lane];
        long head = Volatile.Read(ref state->Head);
        var walker = new LogWalker(core, lane, state->Tail, verify: false);
        long tail = state->Tail;
        while (true)
        {
            LogRecord* record = walker.Next(head);
            if (record == null || record->Sequence > upTo)
            {
                return tail;
            }

            tail = walker.Position;
            for (int i = 0; i < RecordParts.Count(record); i++)
            {
                RecordParts.Get(core.Start, record, i, out byte* start, out byte* end);
                LogEntries.WriteBack(core.Medium, geometry, core.Salt, PersistSite.WriteBackHomes, _writtenBack, _bits, start, end);
                _observer?.Note(start, end);
            }
        }
    }

    /// <summary>Has the background thread look what there is to do.</summary>
    private void Wake()
    {
        if (Volatile.Read(ref _isRequested) == 0 && Interlocked.Exchange(ref _isRequested, 1) == 0)
        {
            _requested.Set();
        }
    }

    private void RunInBackground()
    {
        while (!_stop)
        {
            _requested.WaitOne();
            Volatile.Write(ref _isRequested, 0);
            if (_stop)
            {
                return;
            }

            try
            {
                if (Interlocked.Exchange(ref _isCheckpointWanted, 0) != 0)
                {
                    RunNow();
                }

                core.Restock();
            }
            catch (Exception failure) when (failure is ScmException or ObjectDisposedException)
            {
                // The heap is latched; the next call of the application reports it.
                return;
            }
        }
    }
}
