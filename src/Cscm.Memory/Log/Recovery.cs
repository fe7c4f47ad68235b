using Cscm.Memory.Allocation;
using Cscm.Memory.Media;
using Cscm.Memory.Medium;

namespace Cscm.Memory.Log;

/// <summary>
/// Brings the home locations up to the log on open, then rebuilds the volatile allocator. Restartable at any point: it changes the
/// cut of the log only after every home location is durable.
/// </summary>
internal static unsafe class Recovery
{
    /// <summary>Replays what is above the horizon, across lanes in sequence order. Returns the number of transactions replayed.</summary>
    public static long Replay(HeapCore core)
    {
        LogArea log = core.Log;
        MediumPort medium = core.Medium;
        Span<long> tails = stackalloc long[log.LaneCount];
        if (!CheckpointWriter.TryRead(medium, log.LaneCount, core.Salt, tails, out CheckpointSlot cut))
        {
            throw core.Corrupt(MediaLayout.CheckpointA, "both checkpoint slots are damaged", "Restore the heap from a backup");
        }

        ulong last = cut.Horizon;
        List<(ulong Sequence, nint Record)> records = [];
        List<(ulong Sequence, nint Record)> lastOfLanes = [];
        for (int lane = 0; lane < log.LaneCount; lane++)
        {
            int before = records.Count;
            CollectLane(core, lane, ref tails[lane], cut.Horizon, records);
            if (records.Count > before)
            {
                lastOfLanes.Add(records[^1]);
            }
        }

        DropUnfinished(core, lastOfLanes, records);

        // Numbers have holes, where a transaction was in flight; what follows a hole was acknowledged and counts.
        records.Sort((left, right) => left.Sequence.CompareTo(right.Sequence));
        var touched = new HashSet<long>();
        foreach ((ulong sequence, nint address) in records)
        {
            var record = (LogRecord*)address;
            for (int i = 0; i < RecordParts.Count(record); i++)
            {
                RecordParts.Get(core.Start, record, i, out byte* entries, out byte* end);
                if (sequence == last || !LogEntries.AreSound(core.Geometry, entries, end))
                {
                    throw core.Corrupt((byte*)record - medium.Start, $"the log record of transaction {sequence} is impossible", "Restore the heap from a backup");
                }

                LogEntries.Apply(medium, core.Geometry, core.Salt, entries, end, isReplay: true);
                LogEntries.NoteHeaders(entries, end, touched);
            }

            last = sequence;
        }

        if (medium.WritesBackLines)
        {
            WriteBack(core, records);
        }

        foreach (long headerOffset in touched)
        {
            ChunkScanner.RestoreSum(core, headerOffset);
        }

        if (!core.IsReadOnly)
        {
            medium.Fence(PersistSite.FenceRecoveredHomes);
            // A new lap: nothing an unfinished append left behind can pass for a record.
            for (int lane = 0; lane < log.LaneCount; lane++)
            {
                tails[lane] = log.LapStartAfter(tails[lane]);
            }

            long uncounted = 0;
            CheckpointWriter.Write(medium, cut.Generation + 1, last, tails, core.Salt, PersistSite.FenceRecoveryCheckpoint, ref uncounted);
        }

        log.Reset(tails, last);
        core.Checkpointer.Reset(last, cut.Generation + 1);
        return records.Count;
    }

    /// <summary>
    /// Takes out the transactions whose new blocks did not arrive. Each was the last of its lane: the next is appended only when its fence is over.
    /// </summary>
    private static void DropUnfinished(HeapCore core, List<(ulong Sequence, nint Record)> lastOfLanes, List<(ulong Sequence, nint Record)> records)
    {
        // All are looked at before any is taken out: what was not finished itself still proves what it had seen.
        lastOfLanes.RemoveAll(item => !NewContent.IsIn(core, (LogRecord*)item.Record) || NewContent.IsProven(core, (LogRecord*)item.Record, records));
        records.RemoveAll(lastOfLanes.Contains);
    }

    /// <summary>After all of them were applied, so that a line that many records change is written back once.</summary>
    private static void WriteBack(HeapCore core, List<(ulong Sequence, nint Record)> records)
    {
        var filter = new LineFilter();
        foreach ((_, nint address) in records)
        {
            var record = (LogRecord*)address;
            for (int i = 0; i < RecordParts.Count(record); i++)
            {
                RecordParts.Get(core.Start, record, i, out byte* entries, out byte* end);
                LogEntries.WriteBack(core.Medium, core.Geometry, core.Salt, PersistSite.WriteBackRecoveredHomes, filter, bits: null, entries, end);
            }
        }
    }

    private static void CollectLane(HeapCore core, int lane, ref long position, ulong horizon, List<(ulong Sequence, nint Record)> records)
    {
        long limit = position + core.Log.LaneBytes;
        var walker = new LogWalker(core, lane, position, verify: true);
        ulong previous = horizon;
        for (LogRecord* record = walker.Next(limit); record != null; record = walker.Next(limit))
        {
            if (record->Sequence <= previous)
            {
                throw core.Corrupt(
                    (byte*)record - core.Start, $"transaction {record->Sequence} stands behind {previous} in its lane", "Restore the heap from a backup");
            }

            previous = record->Sequence;
            records.Add((record->Sequence, (nint)record));
            position = walker.Position;
        }

        // Appends to a lane are fenced one by one: what follows an unfinished one cannot be whole. If it is, the middle was damaged.
        for (long stray = position + CacheLines.Size; stray < limit; stray += CacheLines.Size)
        {
            LogRecord* record = new LogWalker(core, lane, stray, verify: true).Peek();
            if (record != null && record->Sequence > previous)
            {
                throw core.Corrupt(
                    core.Log.Address(lane, position) - core.Start, $"a log record of lane {lane} is damaged, and transaction {record->Sequence} follows it", "Restore the heap from a backup");
            }
        }
    }
}
