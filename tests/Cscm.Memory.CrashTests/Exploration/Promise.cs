namespace Cscm.Memory.CrashTests.Exploration;

/// <summary>What the application may find after a power failure now: of each track, the last acknowledged state or the one in flight.</summary>
internal sealed class Promise(RecordedRun run)
{
    private readonly int[] _acknowledged = new int[run.Scenario.TrackCount];

    /// <summary>The track that was acknowledged just now, in which nothing can be in flight; -1 for none.</summary>
    private int _settledTrack = -1;

    /// <summary>Tells states apart that look alike but stand at different promises.</summary>
    public ulong Key { get; private set; }

    public string Description => string.Join(", ", _acknowledged);

    public void Acknowledge(int track)
    {
        _acknowledged[track]++;
        _settledTrack = track;
        Key = unchecked((Key * 31) + (ulong)track + 1);
    }

    public void Continue()
    {
        if (_settledTrack >= 0)
            Key = unchecked((Key * 31) + 17);
        _settledTrack = -1;
    }

    /// <summary>Whether there may be no heap yet.</summary>
    public bool AllowsNoHeap(ScmException failure)
        => run.Scenario.WithoutHeap(failure) is ulong seen && seen == run.Fingerprints[0][_acknowledged[0]];

    /// <summary>Why the heap breaks the promise; null if it keeps it.</summary>
    public string? FindBreach(ScmHeap heap)
    {
        for (int track = 0; track < _acknowledged.Length; track++)
        {
            IReadOnlyList<ulong> fingerprints = run.Fingerprints[track];
            ulong seen = run.Scenario.Observe(heap, track);
            int acknowledged = _acknowledged[track];
            bool mayBeNext = track != _settledTrack && acknowledged + 1 < fingerprints.Count;
            if (seen == fingerprints[acknowledged] || (mayBeNext && seen == fingerprints[acknowledged + 1]))
                continue;
            int step = fingerprints.ToList().IndexOf(seen);
            return $"track {track} shows {(step < 0 ? "a state that never was" : $"the state after step {step}")}";
        }
        return null;
    }
}
