namespace Cscm.Storage.CrashHost;

/// <summary>All that a caller or the kernel can tell of the storage, as lines that two runs can be compared by.</summary>
internal static class StateDump
{
    public static string Take(Bench bench, string root)
    {
        var lines = new List<string>();
        foreach (VolumeInfo volume in bench.Manager.ListVolumes())
        {
            lines.Add($"volume {volume.Name} {volume.Pool} {volume.Access} {volume.FileSystem} {volume.CapacityBytes}/{volume.BackingBytes} {volume.Source} {volume.Settings} "
                + $"staged={volume.StagingPath} targets={string.Join(",", volume.TargetPaths)} health={string.Join(",", volume.Health)}");
            foreach (string path in volume.TargetPaths.Prepend(volume.StagingPath).OfType<string>().Where(_ => volume.Access == AccessType.Mount))
            {
                VolumeStats stats = bench.Publisher.GetStatsAsync(volume.Id, path, CancellationToken.None).AsTask().GetAwaiter().GetResult();
                lines.Add($"usage {path} {stats.TotalBytes} {stats.TotalInodes} group={GroupOf(path)}");
                RequireWritable(path);
            }
        }
        lines.AddRange(bench.Manager.ListSnapshots().Select(snapshot => $"snapshot {snapshot.Name} {snapshot.Id} {snapshot.SourceVolumeId} {snapshot.CapacityBytes} {snapshot.GroupId}"));
        lines.AddRange(bench.Manager.ListPools().Select(pool => $"pool {pool.Name} {pool.Capacity.TotalBytes - pool.Capacity.AvailableBytes}"));
        lines.AddRange(Mounts(root));
        lines.AddRange(Loops(root));
        lines.AddRange(Files(root));
        return string.Join('\n', lines.Order(StringComparer.Ordinal));
    }

    public static IEnumerable<string> Mounts(string root) => File.ReadLines("/proc/self/mountinfo").Select(line => line.Split(' '))
        .Where(fields => fields[4].StartsWith(root + "/", StringComparison.Ordinal))
        .Select(fields => $"mount {fields[4]} {fields[5]} {fields[Array.IndexOf(fields, "-") + 1]} {(fields[^1].StartsWith("ro", StringComparison.Ordinal) ? "ro" : "rw")}");

    public static IEnumerable<string> Loops(string root)
    {
        foreach (string directory in Directory.EnumerateDirectories("/sys/block", "loop*"))
        {
            string line;
            try
            {
                string file = File.ReadAllText(directory + "/loop/backing_file").TrimEnd();
                if (!file.StartsWith(root + "/", StringComparison.Ordinal))
                    continue;
                line = $"loop {file} ro={File.ReadAllText(directory + "/ro").TrimEnd()} sectors={File.ReadAllText(directory + "/size").TrimEnd()} autoclear={File.ReadAllText(directory + "/loop/autoclear").TrimEnd()}";
            }
            catch (IOException)
            {
                continue;
            }
            yield return line;
        }
    }

    /// <summary>Names of all files and directories, with the lengths of images; mounted ones are not entered.</summary>
    public static IEnumerable<string> Files(string root)
    {
        HashSet<string> mounts = [.. File.ReadLines("/proc/self/mountinfo").Select(line => line.Split(' ')[4])];
        var pending = new Stack<string>([root]);
        while (pending.TryPop(out string? directory))
        {
            foreach (FileSystemInfo entry in new DirectoryInfo(directory).EnumerateFileSystemInfos())
            {
                bool isImage = entry.Extension == ".img";
                yield return $"{(entry is DirectoryInfo ? "directory" : "file")} {entry.FullName}{(isImage ? $" {((FileInfo)entry).Length}" : "")}";
                if (entry is DirectoryInfo && !mounts.Contains(entry.FullName))
                    pending.Push(entry.FullName);
            }
        }
    }

    /// <summary>A frozen file system would let the write wait for ever.</summary>
    private static void RequireWritable(string path)
    {
        Task write = Task.Run(() =>
        {
            try
            {
                File.WriteAllText(Path.Combine(path, "probe"), "x");
                File.Delete(Path.Combine(path, "probe"));
            }
            catch (IOException e) when (e.Message.Contains("Read-only", StringComparison.Ordinal))
            {
                // So it was asked for; the mount's line says it.
            }
        });
        if (!write.Wait(TimeSpan.FromSeconds(10)))
            throw new InvalidOperationException($"{path} is frozen");
    }

    private static uint GroupOf(string path)
        => Mono.Unix.Native.Syscall.lstat(path, out Mono.Unix.Native.Stat status) == 0 ? status.st_gid : uint.MaxValue;
}
