namespace Cscm.Storage.CrashHost;

/// <summary>What is still there after everything was taken down.</summary>
internal static class Leftovers
{
    public static IEnumerable<string> Find(Bench bench, string root) =>
    [
        .. StateDump.Mounts(root), .. StateDump.Loops(root), .. StateDump.Files(root).Where(line => !IsHousehold(line, root)), .. Charges(bench),
    ];

    /// <summary>Of an empty pool all bytes are free.</summary>
    public static IEnumerable<string> Charges(Bench bench)
    {
        foreach ((string pool, AccessType access, long sizeBytes) in new[] { ("file", AccessType.Block, Bench.FilePoolBytes), ("dram", AccessType.Mount, Bench.DramPoolBytes) })
        {
            long freeBytes = bench.Manager.GetCapacity(pool, access, null).AvailableBytes;
            if (freeBytes != sizeBytes)
                yield return $"pool {pool} has {freeBytes} of {sizeBytes} bytes free";
        }
    }

    /// <summary>Directories that stay, and the orchestrator's own.</summary>
    private static bool IsHousehold(string line, string root)
    {
        string path = line[(line.IndexOf(' ') + 1 + root.Length)..];
        return path is "/stages" or "/targets" or "/state" or "/state/lock" or "/state/driver-id" or "/state/volumes" or "/state/snapshots" or "/state/groups"
            or "/state/pools" or "/state/pools/file" or "/state/pools/dram" or "/state/pools/file/.cscm-pool" or "/state/pools/dram/.cscm-pool";
    }
}
