using Cscm.Storage.Linux;

namespace Cscm.Bench.Pools.Inside;

/// <summary>
/// A volume on a shared XFS as an administrator's program would make it: a directory with a project and a limit, bound twice. No record,
/// no check, no proof. Durable or not: a directory that was not synced may be gone with the power, and its quota with it.
/// </summary>
internal sealed class ByHand(string root, string medium)
{
    private const uint FirstProject = 50_000;
    private uint _count;

    public void Make(int number, long sizeBytes, bool isDurable)
    {
        uint project = FirstProject + _count++;
        using SafePath fileSystem = SafePath.Open(medium);
        ProjectQuota.SetLimits(fileSystem, project, sizeBytes, 1024);
        using SafePath directory = SafePath.OpenOrCreateDirectory(Path.Combine(medium, $"hand{number}"), 0x1ED);
        InheritedAttributes.SetForChildren(directory, project, 2 << 20);
        if (isDurable)
        {
            using TreeDirectory opened = TreeDirectory.Open(directory);
            opened.Sync();
        }
        using SafePath stage = SafePath.OpenOrCreateDirectory(StageOf(number), 0x1ED), target = SafePath.OpenOrCreateDirectory(TargetOf(number), 0x1ED);
        Mounts.Bind(directory, stage, MountAttribute.NoDevices | MountAttribute.NoSuid);
        using SafePath staged = SafePath.Open(StageOf(number));
        Mounts.Bind(staged, target, MountAttribute.NoDevices | MountAttribute.NoSuid);
    }

    public void Remove(int number)
    {
        Mounts.Unmount(TargetOf(number));
        Mounts.Unmount(StageOf(number));
        foreach (string path in new[] { TargetOf(number), StageOf(number), Path.Combine(medium, $"hand{number}") })
            Directory.Delete(path);
    }

    private string StageOf(int number) => Path.Combine(root, $"hand-stage{number}");

    private string TargetOf(int number) => Path.Combine(root, $"hand-target{number}");
}
