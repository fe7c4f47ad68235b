using Cscm.Storage.Linux;
using Cscm.Storage.State;

namespace Cscm.Storage.Pools.Xfs;

/// <summary>Volumes at work: bound, looked at, restored at start-up.</summary>
internal sealed partial class XfsPool
{
    /// <summary>The root directory, the two areas, and what little they hold.</summary>
    private const long OwnBytes = 1L << 20;

    public Task<long> PrepareMountAsync(VolumeRecord volume, CancellationToken cancellationToken) => Task.FromResult(volume.FileSystemBytes);

    public void Mount(VolumeRecord volume, SafePath target, MountFlags flags, bool isReadOnly)
    {
        const MountAttribute Always = MountAttribute.NoDevices | MountAttribute.NoSuid;
        if (flags.Options.Count > 0 || (flags.Attributes & Always) != Always)
        {
            string given = flags.Options.Count > 0 ? flags.Options[0].Key : "dev or suid";
            throw new StorageException(
                StorageErrorKind.InvalidArgument,
                $"the volumes of pool {Options.Name} share one file system, so {given} cannot be set for {volume.Id} alone: leave it out of the mount options, or use a pool of kind lvm");
        }
        using SafePath source = OpenVolume(volume);
        _steps.Reached("xfs.bind");
        Mounts.Bind(source, target, flags.Attributes | (isReadOnly ? MountAttribute.ReadOnly : MountAttribute.None));
    }

    public bool IsMountOf(VolumeRecord volume, PathStatus path)
    {
        if (!path.IsMountPoint)
            return false;
        string key = ObjectIds.KeyOf(volume.Id);
        if (!_directories.TryGetValue(key, out (uint, uint, ulong) own))
        {
            using SafePath? directory = SafePath.TryOpen(PathOf(key));
            if (directory is null)
                return false;
            _directories[key] = own = IdentityOf(directory.GetStatus());
        }
        return own == IdentityOf(path);
    }

    public bool GrowsWhenStaged(VolumeRecord volume) => false;

    public void GrowFileSystem(VolumeRecord volume, SafePath mountPoint)
    {
        // A higher limit is all there is to it.
    }

    public IEnumerable<HealthFinding> Examine(VolumeRecord volume)
    {
        if (_medium.FindTrouble() is { } trouble)
            yield return new HealthFinding(HealthKind.Inaccessible, trouble.Reason, trouble.Message);
        else if (!System.IO.Directory.Exists(PathOf(ObjectIds.KeyOf(volume.Id))))
            yield return new HealthFinding(HealthKind.DataLoss, "DirectoryMissing", $"the directory {PathOf(ObjectIds.KeyOf(volume.Id))} is gone: restore it from a backup, or delete the volume");
    }

    public IEnumerable<PoolHealth> ExaminePool()
    {
        if (_medium.FindTrouble() is { } trouble)
        {
            yield return new PoolHealth(Options.Name, HealthKind.Inaccessible, trouble.Reason, trouble.Message);
            yield break;
        }
        if (_medium.FindBadBlocks() is { } badBlocks)
            yield return new PoolHealth(Options.Name, HealthKind.Degraded, "BadBlocks", badBlocks);
        foreach (PoolHealth finding in _unsafeShutdowns.Examine(Options.Name))
            yield return finding;
        using SafePath root = _medium.OpenRoot();
        long unownedBytes = ProjectQuota.Get(root, 0).UsedBytes;
        if (unownedBytes > OwnBytes)
        {
            yield return new PoolHealth(
                Options.Name, HealthKind.Degraded, "QuotaEvaded",
                $"{unownedBytes} bytes of pool {Options.Name} belong to no volume's quota: a container that owns its files took them out of its project. "
                    + "Run such containers in user namespaces (hostUsers: false), or give them volumes of a pool of kind lvm");
        }
    }

    public void FinishMaking(VolumeRecord volume)
    {
        _makings.Adopt(volume.Making);
        if (!_makings.MayBeLost(volume.Making))
            return;
        string key = ObjectIds.KeyOf(volume.Id);
        bool isWhole;
        using (SafePath? directory = SafePath.TryOpen(PathOf(key)))
            isWhole = directory is not null && InheritedAttributes.GetProject(directory) != 0;
        if (!isWhole)
            Make(key, volume.BackingBytes);
    }

    public void Restore(VolumeRecord volume)
    {
        // A limit that was recorded may have been lost with the power.
        if (volume.Resize is null)
            Limit(ObjectIds.KeyOf(volume.Id), volume.BackingBytes);
    }

    public long FindBackingBytes(string key)
        => System.IO.Directory.Exists(PathOf(key)) ? Describe(PathOf(key), key).SizeBytes : 0;

    public void RemoveOrphans(Func<string, bool> isKnown, Func<string, bool, bool> isDevicePinned)
    {
        foreach (string key in System.IO.Directory.EnumerateDirectories(_medium.PathOf(Content)).Select(path => Path.GetFileName(path)).ToArray())
        {
            if (!ObjectIds.IsKey(key) || isKnown(key))
                continue;
            foreach (string mount in FindBinds(key).Reverse().ToArray())
            {
                _steps.Reached("xfs.unmount-orphan");
                Mounts.Unmount(mount, detach: true);
            }
            // Whose it was nobody knows, nor what was to become of its bytes.
            Remove(key, ErasePolicy.Zero);
        }
        _makings.MarkLater();
    }

    /// <summary>Where a volume's directory is mounted, in this mount namespace.</summary>
    private IEnumerable<string> FindBinds(string key)
    {
        // Line by line: with a thousand volumes the table is long, and most of it is other volumes'.
        string root = $" /{Content}/{key} ";
        string[] lines = [.. File.ReadLines("/proc/self/mountinfo").Where(line => line.Contains(root, StringComparison.Ordinal))];
        return lines.Length == 0 ? [] : MountTable.Parse(lines).Where(mount => mount.Source == _medium.Device).Select(mount => mount.MountPoint);
    }

    private SafePath OpenVolume(VolumeRecord volume)
    {
        string path = PathOf(ObjectIds.KeyOf(volume.Id));
        return SafePath.TryOpen(path) ?? throw new StorageException(
            StorageErrorKind.DataLoss, $"the directory {path} of volume {volume.Id} is gone: restore it from a backup, or delete the volume");
    }
}
