namespace Cscm.Storage.Pools.Lvm;

/// <summary>A run of physical extents on one device of a volume group.</summary>
internal readonly record struct ExtentRun(string Device, long Start, long Count)
{
    public long End => Start + Count;

    /// <summary>As lvm's commands take it; their last extent is part of the run.</summary>
    public override string ToString() => $"{Device}:{Start}-{End - 1}";
}

/// <summary>
/// The free extents of a volume group, and where the next volume goes: into the smallest free run that holds it, so that large runs
/// stay whole; into the fewest pieces where none does. Striped volumes get an equal share of several devices, chosen where most is
/// free. For one thread.
/// </summary>
internal sealed class ExtentMap
{
    /// <summary>Per device its free runs, in ascending order, none touching the next.</summary>
    private readonly SortedDictionary<string, List<ExtentRun>> _free = new(StringComparer.Ordinal);

    /// <param name="devices">All devices that may be given from, also those that are full.</param>
    /// <param name="freeRuns">What is free, in any order.</param>
    public ExtentMap(IEnumerable<string> devices, IEnumerable<ExtentRun> freeRuns)
    {
        foreach (string device in devices)
            _free[device] = [];
        Give(freeRuns);
    }

    public long FreeCount => _free.Values.Sum(CountOf);

    /// <summary>The largest run that lies in one piece.</summary>
    public long LargestRunCount => _free.Values.SelectMany(runs => runs).Select(run => run.Count).DefaultIfEmpty().Max();

    public int RunsCount => _free.Values.Sum(runs => runs.Count);

    /// <summary>The largest volume over this many devices; one that is not striped may lie in pieces, and on several.</summary>
    public long LargestCount(int stripes) => stripes > _free.Count ? 0 : stripes == 1 ? FreeCount : stripes * FreeByDevice()[stripes - 1].Count;

    /// <summary>What volumes over this many devices can take altogether: none of them lies twice on one device.</summary>
    public long UsableCount(int stripes)
    {
        if (stripes > _free.Count)
            return 0;
        // The largest t with sum(min(free, t)) >= stripes * t: whichever devices have more than t, they give no more than t each.
        long[] free = [.. FreeByDevice().Select(device => device.Count)];
        return stripes * Enumerable.Range(0, stripes).Min(capped => free.Skip(capped).Sum() / (stripes - capped));
    }

    /// <summary>Chooses extents for a volume, or for the growth of one, without taking them.</summary>
    /// <param name="count">How many in all, a multiple of <paramref name="stripes"/>.</param>
    /// <param name="stripes">Over how many devices, equally.</param>
    /// <param name="behind">The last runs of a volume that grows: one per stripe; empty for a new one.</param>
    /// <returns>Runs by device, in the order of the stripes; null if there is no room.</returns>
    public IReadOnlyList<ExtentRun>? Plan(long count, int stripes, IReadOnlyList<ExtentRun> behind)
    {
        long each = count / stripes;
        string[] devices = behind.Count > 0 && stripes > 1
            ? [.. behind.Select(run => run.Device)]
            : [.. FreeByDevice().Where(device => device.Count >= each).Select(device => device.Name)];
        if (stripes == 1)
            return PlanOn(_free.Keys, count, behind);
        if (devices.Length < stripes)
            return null;
        var runs = new List<ExtentRun>();
        foreach (string device in devices.Take(stripes))
        {
            if (PlanOn([device], each, [.. behind.Where(run => run.Device == device)]) is not { } part)
                return null;
            runs.AddRange(part);
        }
        return runs;
    }

    public void Take(IEnumerable<ExtentRun> runs)
    {
        foreach (ExtentRun run in runs)
        {
            List<ExtentRun> free = _free[run.Device];
            int index = free.FindIndex(candidate => candidate.Start <= run.Start && run.End <= candidate.End);
            if (index < 0)
                throw new InvalidOperationException($"{run} is not free");
            ExtentRun whole = free[index];
            free.RemoveAt(index);
            if (run.End < whole.End)
                free.Insert(index, new ExtentRun(run.Device, run.End, whole.End - run.End));
            if (whole.Start < run.Start)
                free.Insert(index, new ExtentRun(run.Device, whole.Start, run.Start - whole.Start));
        }
    }

    public void Give(IEnumerable<ExtentRun> runs)
    {
        foreach (ExtentRun run in runs)
        {
            List<ExtentRun> free = _free[run.Device];
            int index = free.FindIndex(candidate => candidate.Start >= run.Start);
            index = index < 0 ? free.Count : index;
            if ((index < free.Count && free[index].Start < run.End) || (index > 0 && free[index - 1].End > run.Start))
                throw new InvalidOperationException($"{run} is free already");
            free.Insert(index, run);
            Join(free, index);
            Join(free, index - 1);
        }
    }

    private static long CountOf(List<ExtentRun> runs) => runs.Sum(run => run.Count);

    /// <summary>Joins a run with the one behind it if they touch.</summary>
    private static void Join(List<ExtentRun> runs, int index)
    {
        if (index < 0 || index + 1 >= runs.Count || runs[index].End != runs[index + 1].Start)
            return;
        runs[index] = runs[index] with { Count = runs[index].Count + runs[index + 1].Count };
        runs.RemoveAt(index + 1);
    }

    private (string Name, long Count)[] FreeByDevice()
        => [.. _free.Select(pair => (Name: pair.Key, Count: CountOf(pair.Value))).OrderByDescending(device => device.Count).ThenBy(device => device.Name, StringComparer.Ordinal)];

    private List<ExtentRun>? PlanOn(IEnumerable<string> devices, long count, IReadOnlyList<ExtentRun> behind)
    {
        List<ExtentRun> candidates = [.. devices.SelectMany(device => _free[device])];
        if (candidates.Sum(run => run.Count) < count)
            return null;
        var plan = new List<ExtentRun>();
        // What grows goes on where it ends, if that is free: it stays in one piece.
        int next = behind.Count == 0 ? -1 : candidates.FindIndex(run => run.Device == behind[^1].Device && run.Start == behind[^1].End);
        if (next >= 0)
        {
            Pick(candidates, next, Math.Min(count, candidates[next].Count), plan);
            count -= plan[0].Count;
        }
        while (count > 0)
        {
            ExtentRun best = candidates.Where(run => run.Count >= count).OrderBy(run => run.Count).FirstOrDefault();
            if (best.Count == 0)
                best = candidates.MaxBy(run => run.Count);
            long taken = Math.Min(count, best.Count);
            Pick(candidates, candidates.IndexOf(best), taken, plan);
            count -= taken;
        }
        return plan;
    }

    private static void Pick(List<ExtentRun> candidates, int index, long count, List<ExtentRun> plan)
    {
        plan.Add(candidates[index] with { Count = count });
        candidates.RemoveAt(index);
    }
}
