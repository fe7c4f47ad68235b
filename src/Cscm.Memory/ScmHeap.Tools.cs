using Cscm.Memory.Allocation;
using Cscm.Memory.Media;

namespace Cscm.Memory;

public sealed unsafe partial class ScmHeap
{
    /// <summary>What the metadata says, and how far the log was ahead of it; makes a checkpoint where the heap is open for writing. Approximate while transactions run.</summary>
    public HeapInspection Inspect()
    {
        _core.ThrowIfUnusable();
        HeapGeometry geometry = _core.Geometry;
        ulong horizon = _core.Checkpointer.Horizon;
        _core.Checkpointer.SettleBitmaps();
        var regions = new List<RegionInspection>();
        foreach (HeapGeometry.Region region in geometry.Regions)
        {
            (long runs, long extents) = ChunkScanner.CountChunks(_core, region);
            regions.Add(new RegionInspection(
                region.HeadersOffset, region.DataOffset, region.ChunkCount * MediaLayout.ChunkBytes, runs, extents, region.ChunkCount - runs - extents));
        }

        var roots = new List<RootInspection>();
        for (int i = 0; i < MediaLayout.RootCount; i++)
        {
            RootEntry entry = RootTable.Read(_core, i);
            if (entry.Offset != 0)
            {
                roots.Add(new RootInspection(RootTable.NameOf(entry), entry.Offset, entry.SizeBytes, entry.Fingerprint));
            }
        }

        return new HeapInspection(
            Path,
            Id,
            $"{_superblock.MajorVersion}.{_superblock.MinorVersion}",
            DateTimeOffset.FromUnixTimeSeconds(_superblock.CreatedUnixSeconds),
            SizeBytes,
            _core.Log.LaneCount,
            _core.Log.LaneBytes,
            horizon,
            (long)(_core.Log.Sequence - horizon),
            regions,
            roots);
    }

    /// <summary>Checks the heap without knowledge of its types; see <see cref="HeapChecker"/> for more.</summary>
    public HeapCheckResult Check() => new HeapChecker(this).Run();

    /// <summary>
    /// Writes a consistent copy of the heap to a new file while transactions go on. The copy holds at least every transaction
    /// committed before the call; commits wait only for the short end of the copying. It is a heap of its own: restoring is opening it,
    /// or copying it back while the original is closed.
    /// </summary>
    public void Backup(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        _core.ThrowIfUnusable();
        string unfinished = path + ".unfinished";
        // The heap does not grow meanwhile.
        lock (_growthGate)
            using (var file = new FileStream(unfinished, FileMode.Create, FileAccess.ReadWrite))
            {
                HeapBackup.Write(_core, file);
                file.Flush(flushToDisk: true);
            }

        File.Move(unfinished, path, overwrite: false);
    }
}
