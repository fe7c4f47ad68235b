using Cscm.Storage.Linux;
using Cscm.Storage.Pools;
using Cscm.Storage.State;
using Mono.Unix.Native;

namespace Cscm.Storage.Volumes;

/// <summary>What is wrong with a staged volume's own file system, as its mount shows it. Pools whose volumes share one look at that themselves.</summary>
internal static class MountHealth
{
    public static IEnumerable<HealthFinding> Examine(IScmPool pool, VolumeRecord volume)
    {
        if (pool is not IBlockPool || volume.Access != AccessType.Mount || volume.Stage is not { } stage)
            return [];
        string remedy = $"see the kernel log and the medium's health, unpublish and unstage volume {volume.Id}, check the file system, and stage it again";
        try
        {
            using SafePath? mount = SafePath.TryOpen(stage.Path);
            if (mount is null || !pool.IsMountOf(volume, mount.GetStatus()))
                return [];
            if (FileSystemControl.HasShutDown(mount))
                return [Down(volume, remedy)];
            return !stage.IsReadOnly && FileSystemControl.IsReadOnly(mount)
                ? [new HealthFinding(HealthKind.Inaccessible, "FileSystemReadOnly", $"the {volume.FileSystem} of volume {volume.Id} has become read-only: {remedy}")]
                : [];
        }
        catch (LinuxException e) when (e.Errno == Errno.EIO)
        {
            return [Down(volume, remedy)];
        }
        catch (StorageException)
        {
            // The path leads elsewhere now: not a matter of the file system's.
            return [];
        }
    }

    private static HealthFinding Down(VolumeRecord volume, string remedy)
        => new(HealthKind.Inaccessible, "FileSystemDown", $"the {volume.FileSystem} of volume {volume.Id} has shut down: {remedy}");
}
