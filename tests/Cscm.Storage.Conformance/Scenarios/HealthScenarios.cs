namespace Cscm.Storage.Conformance;

/// <summary>What goes wrong below a volume shows in its health, with what to do; and is gone from there when it has been done.</summary>
internal static class HealthScenarios
{
    public static IReadOnlyList<Scenario> All { get; } =
    [
        new("a_file_system_that_became_read_only_is_found", Traits.Block, ReadOnlyAsync),
        new("a_file_system_that_shut_down_is_found_and_staging_it_again_mends_it", Traits.Block, VolumeShutDownAsync),
        new("a_shared_file_system_that_became_read_only_is_found", Traits.SharedFileSystem, SharedReadOnlyAsync),
        new("a_shared_file_system_that_shut_down_is_found_and_a_restart_mends_it", Traits.SharedFileSystem, ShutDownAsync),
    ];

    private static async Task ReadOnlyAsync(Bed bed)
    {
        VolumeInfo volume = await bed.CreateAsync();
        await bed.PublishAsync(volume);
        string stage = bed.Manager.GetVolume(volume.Id).StagingPath!;
        Require.Equal("", ReasonsOf(bed, volume));
        await Tool.MustRunAsync("mount", "-o", "remount,ro", stage);
        Require.Equal("FileSystemReadOnly", ReasonsOf(bed, volume));
        await Tool.MustRunAsync("mount", "-o", "remount,rw", stage);
        Require.Equal("", ReasonsOf(bed, volume));
        await bed.DeleteAsync(volume);
    }

    private static async Task VolumeShutDownAsync(Bed bed)
    {
        VolumeInfo volume = await bed.CreateAsync();
        string target = await bed.PublishAsync(volume);
        await File.WriteAllTextAsync(Path.Combine(target, "record"), "kept");
        await Tool.MustRunAsync("sync", Path.Combine(target, "record"), target);
        Require.Equal("", ReasonsOf(bed, volume));
        // The same request of the kernel's for ext4 and XFS. ext4 does not become read-only by it.
        await Tool.MustRunAsync("xfs_io", "-x", "-c", "shutdown", target);
        Require.Equal("FileSystemDown", ReasonsOf(bed, volume));
        await bed.TakeDownAsync(volume.Id);
        target = await bed.PublishAsync(volume);
        Require.Equal("", ReasonsOf(bed, volume));
        Require.Equal("kept", await File.ReadAllTextAsync(Path.Combine(target, "record")));
        await bed.DeleteAsync(volume);
    }

    private static async Task SharedReadOnlyAsync(Bed bed)
    {
        VolumeInfo volume = await bed.CreateAsync();
        await Tool.MustRunAsync("mount", "-o", "remount,ro", MediumOf(bed));
        Require.Equal("FileSystemReadOnly", ReasonsOf(bed, volume));
        Require.Equal("FileSystemReadOnly", ReasonsOf(bed));
        await Tool.MustRunAsync("mount", "-o", "remount,rw", MediumOf(bed));
        Require.Equal("", ReasonsOf(bed, volume) + ReasonsOf(bed));
        await bed.DeleteAsync(volume);
    }

    private static async Task ShutDownAsync(Bed bed)
    {
        VolumeInfo volume = await bed.CreateAsync();
        string record = Path.Combine(await bed.PublishAsync(volume), "record");
        await File.WriteAllTextAsync(record, "kept");
        await Tool.MustRunAsync("sync", record);
        // As the kernel does when it cannot write its log: what is in memory only is lost.
        await Tool.MustRunAsync("xfs_io", "-x", "-c", "shutdown", MediumOf(bed));
        Require.Equal("FileSystemDown", ReasonsOf(bed, volume));
        Require.Equal("FileSystemDown", ReasonsOf(bed));
        Require.That(await FailsAsync(() => bed.CreateAsync()), "a volume was made on a file system that has shut down");

        // What the finding says: everything off it, then the driver anew.
        foreach (string path in bed.Manager.GetVolume(volume.Id).TargetPaths.Append(bed.Manager.GetVolume(volume.Id).StagingPath!).Append(MediumOf(bed)))
            await Tool.MustRunAsync("umount", path);
        await bed.RestartAsync();
        Require.Equal("", ReasonsOf(bed, volume) + ReasonsOf(bed));
        await bed.TakeDownAsync(volume.Id);
        Require.Equal("kept", await File.ReadAllTextAsync(Path.Combine(await bed.PublishAsync(volume), "record")));
        await bed.DeleteAsync(volume);
    }

    /// <summary>Where the file system of all volumes is mounted.</summary>
    private static string MediumOf(Bed bed) => bed.PathOf($"state/pools/{bed.Options.Name}/medium");

    private static string ReasonsOf(Bed bed, VolumeInfo volume) => string.Join(" ", bed.Manager.GetVolume(volume.Id).Health.Select(finding => finding.Reason));

    private static string ReasonsOf(Bed bed) => string.Join(" ", bed.Manager.GetPoolHealth().Select(finding => finding.Reason));

    private static async Task<bool> FailsAsync(Func<Task> call)
    {
        try
        {
            await call();
            return false;
        }
        catch (StorageException)
        {
            return true;
        }
    }
}
