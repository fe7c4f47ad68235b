namespace Cscm.Storage.CrashHost;

/// <summary>What must hold after every start, before anyone repeats anything.</summary>
internal static class Invariants
{
    /// <exception cref="InvalidOperationException">One does not hold.</exception>
    public static void Require(Bench bench, string root)
    {
        IReadOnlyList<VolumeInfo> volumes = bench.Manager.ListVolumes();
        foreach (VolumeInfo volume in volumes)
            RequireThat(volume.Health.Count == 0, $"volume {volume.Name} is unwell: {string.Join(", ", volume.Health)}");

        Dictionary<string, long> images = Directory.EnumerateFiles(Path.Combine(root, "state/pools/file"), "*.img")
            .ToDictionary(path => Path.GetFileNameWithoutExtension(path), path => new FileInfo(path).Length);
        long chargedBytes = Bench.FilePoolBytes - bench.Manager.GetCapacity("file", AccessType.Block, null).AvailableBytes;
        RequireThat(images.Values.Sum() == chargedBytes, $"the file pool charges {chargedBytes} for images of {string.Join(", ", images)}");
        long backingBytes = volumes.Where(volume => volume.Pool == "file").Sum(volume => volume.BackingBytes);
        long volumeImageBytes = images.Where(image => !image.Key.StartsWith("snap-", StringComparison.Ordinal) && !image.Key.StartsWith("part-", StringComparison.Ordinal)).Sum(image => image.Value);
        RequireThat(backingBytes == volumeImageBytes, $"volumes of {backingBytes} bytes have images of {volumeImageBytes}");
        RequireThat(bench.Manager.ListSnapshots().Count == images.Count - volumes.Count(volume => volume.Pool == "file"), "snapshots and their images differ in number");

        string[] expected =
        [
            .. volumes.SelectMany(volume => volume.TargetPaths),
            .. volumes.Where(volume => volume.Access == AccessType.Mount).Select(volume => volume.StagingPath).OfType<string>(),
            .. volumes.Where(volume => volume.Pool == "dram").Select(volume => PoolMountOf(root, volume)),
        ];
        string[] mounted = [.. StateDump.Mounts(root).Select(line => line.Split(' ')[1])];
        RequireThat(expected.Order(StringComparer.Ordinal).SequenceEqual(mounted.Order(StringComparer.Ordinal)), $"expected mounts {string.Join(", ", expected)}, found {string.Join(", ", mounted)}");
    }

    private static string PoolMountOf(string root, VolumeInfo volume)
        => Directory.EnumerateDirectories(Path.Combine(root, "state/pools/dram")).Single(path => !volume.Id.StartsWith("cscm-", StringComparison.Ordinal) || path.EndsWith(volume.Id, StringComparison.Ordinal));

    private static void RequireThat(bool holds, string otherwise)
    {
        if (!holds)
            throw new InvalidOperationException(otherwise);
    }
}
