namespace Cscm.Storage.Conformance;

/// <summary>
/// Where a volume group's volumes lie, as lvm itself tells, and how few pieces the next one needs: what docs/decisions/0039 says of a pool of
/// kind lvm is held against it, act by act. For groups whose volumes are not striped.
/// </summary>
internal sealed class LvmLayout
{
    /// <summary>In the order in which the volume shows them.</summary>
    private readonly Dictionary<string, List<Run>> _volumes = new(StringComparer.Ordinal);
    private readonly List<Run> _free = [];

    /// <summary>Pieces of all volumes.</summary>
    public int Pieces => _volumes.Values.Sum(runs => runs.Count);

    public static async Task<LvmLayout> ReadAsync()
    {
        // A line per run of a device: "device start count logical-start", and the volume that it belongs to if it is not free.
        string report = await Tool.MustRunAsync("pvs", "--noheadings", "--segments", "--options", "pv_name,pvseg_start,pvseg_size,seg_start_pe,lv_name");
        string[][] lines = [.. report.Split('\n').Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries)).Where(words => words.Length >= 3)];
        var layout = new LvmLayout();
        foreach (string[] words in lines.OrderBy(words => words.Length == 5 ? long.Parse(words[3]) : 0))
        {
            var run = new Run(words[0], long.Parse(words[1]), long.Parse(words[2]));
            if (words.Length < 5)
                layout._free.Add(run);
            else if (!layout._volumes.TryGetValue(words[4], out List<Run>? runs))
                layout._volumes[words[4]] = [run];
            else if (runs[^1].Device == run.Device && runs[^1].End == run.Start)
                runs[^1] = runs[^1] with { Count = runs[^1].Count + run.Count };
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
        Run last = old[^1];
        long behind = now[old.Count - 1].Count - last.Count;
        bool couldGoOn = _free.Any(run => run.Device == last.Device && run.Start == last.End);
        Require.That(behind > 0 || !couldGoOn, $"{name} did not go on where it ends: {Describe(old)} became {Describe(now)} of {Describe(_free)}");
        List<Run> rest = [.. _free.Where(run => run.Device != last.Device || run.Start != last.End)];
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
