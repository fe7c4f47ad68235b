namespace Cscm.Storage.Conformance;

/// <summary>
/// Where a volume group's volumes lie, as lvm itself tells, and how few pieces the next one needs: what docs/decisions/0039 says of a pool of
/// kind lvm is held against it, act by act. For groups whose volumes are not striped.
/// </summary>
internal sealed class LvmLayout
{
    private readonly Dictionary<string, List<Run>> _volumes = new(StringComparer.Ordinal);
    private readonly List<Run> _free = [];

    /// <summary>Pieces of all volumes.</summary>
    public int Pieces => _volumes.Values.Sum(runs => runs.Count);

    public static async Task<LvmLayout> ReadAsync()
    {
        // A line per run of a device: "device start count", and the volume that it belongs to if it is not free.
        string report = await Tool.MustRunAsync("pvs", "--noheadings", "--segments", "--options", "pv_name,pvseg_start,pvseg_size,lv_name");
        var layout = new LvmLayout();
        foreach (string[] words in report.Split('\n').Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries)).Where(words => words.Length >= 3))
        {
            var run = new Run(words[0], long.Parse(words[1]), long.Parse(words[2]));
            if (words.Length == 3)
                layout._free.Add(run);
            else if (!layout._volumes.TryGetValue(words[3], out List<Run>? runs))
                layout._volumes[words[3]] = [run];
            else if (runs.FindIndex(other => other.Device == run.Device && other.End == run.Start) is int before and >= 0)
                runs[before] = runs[before] with { Count = runs[before].Count + run.Count };
            else
                runs.Add(run);
        }
        return layout;
    }

    /// <summary>Requires that what one creation or growth has taken since lies where it should.</summary>
    /// <returns>How many pieces it could not help adding.</returns>
    public int RequirePolicy(LvmLayout after)
    {
        (string name, List<Run> now) = after._volumes.Single(volume => !_volumes.TryGetValue(volume.Key, out List<Run>? then) || !then.SequenceEqual(volume.Value));
        long needed = now.Sum(run => run.Count);
        if (!_volumes.TryGetValue(name, out List<Run>? old))
        {
            int fewest = Fewest(_free, needed);
            Require.That(now.Count == fewest, $"{name} lies in {now.Count} pieces, and {fewest} would do: {Describe(now)} of {Describe(_free)}");
            Run hole = _free.Single(run => run.Device == now[0].Device && run.Start <= now[0].Start && now[0].End <= run.End);
            long best = fewest == 1 ? _free.Where(run => run.Count >= needed).Min(run => run.Count) : hole.Count;
            Require.That(hole.Count == best, $"{name} of {needed} extents was cut from a hole of {hole.Count}, and one of {best} would do");
            return fewest;
        }
        needed -= old.Sum(run => run.Count);
        // Which run is the volume's last, the report does not tell: the growth may go on behind any, so the one is looked for that did.
        Run? grown = old.Where(run => now.Any(later => later.Device == run.Device && later.Start == run.Start && later.Count > run.Count)).Cast<Run?>().SingleOrDefault();
        long behind = grown is { } end ? now.Single(run => run.Device == end.Device && run.Start == end.Start).Count - end.Count : 0;
        bool couldGoOn = old.Count == 1 && _free.Any(run => run.Device == old[0].Device && run.Start == old[0].End);
        Require.That(behind > 0 || !couldGoOn, $"{name} did not go on where it ends: {Describe(old)} became {Describe(now)} of {Describe(_free)}");
        List<Run> rest = [.. _free.Where(run => grown is not { } last || run.Device != last.Device || run.Start != last.End)];
        int added = now.Count - old.Count, most = needed == behind ? 0 : Fewest(rest, needed - behind);
        Require.That(added <= most, $"{name} grew by {added} pieces, and {most} would do: {Describe(old)} became {Describe(now)} of {Describe(_free)}");
        return most;
    }

    /// <summary>The largest first: no other choice needs fewer.</summary>
    private static int Fewest(List<Run> free, long needed)
    {
        int pieces = 0;
        foreach (Run run in free.OrderByDescending(run => run.Count).TakeWhile(_ => needed > 0))
        {
            needed -= run.Count;
            pieces++;
        }
        return pieces;
    }

    private static string Describe(List<Run> runs) => string.Join(' ', runs.Select(run => $"{run.Start}+{run.Count}"));

    private readonly record struct Run(string Device, long Start, long Count)
    {
        public long End => Start + Count;
    }
}
