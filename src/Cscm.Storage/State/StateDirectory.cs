using Cscm.Storage.Linux;

namespace Cscm.Storage.State;

/// <summary>
/// The directory that holds everything a driver must remember, locked for this process. Layout:
/// <c>lock</c>, <c>driver-id</c>, <c>volumes/</c>, <c>snapshots/</c>, <c>groups/</c>, and by default <c>pools/</c>.
/// </summary>
internal sealed class StateDirectory : IDisposable
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    private readonly FileStream _lock;

    private StateDirectory(string path, FileStream lockFile, IStepObserver steps)
    {
        _lock = lockFile;
        Path = path;
        DriverId = ReadOrMakeDriverId(System.IO.Path.Combine(path, "driver-id"));
        string volumes = System.IO.Path.Combine(path, "volumes"), snapshots = System.IO.Path.Combine(path, "snapshots"), groups = System.IO.Path.Combine(path, "groups");
        Volumes = RecordTable<VolumeRecord>.Load(volumes, "volume", StateJson.Default.VolumeRecord, steps);
        Snapshots = RecordTable<SnapshotRecord>.Load(snapshots, "snapshot", StateJson.Default.SnapshotRecord, steps);
        Groups = RecordTable<GroupRecord>.Load(groups, "group", StateJson.Default.GroupRecord, steps);
        RecordDirectories = [volumes, snapshots, groups];
    }

    public string Path { get; }

    public IReadOnlyList<string> RecordDirectories { get; }

    /// <summary>Marks pool directories and mounts as this driver's.</summary>
    public string DriverId { get; }

    public RecordTable<VolumeRecord> Volumes { get; }

    public RecordTable<SnapshotRecord> Snapshots { get; }

    public RecordTable<GroupRecord> Groups { get; }

    /// <exception cref="StorageException">FailedPrecondition: another process holds it.</exception>
    public static StateDirectory Open(string path, IStepObserver steps)
    {
        string full = ResolveLinks(path);
        FileStream lockFile;
        try
        {
            // .NET takes flock(2) for FileShare.None; the kernel drops it when the process ends, however it ends.
            lockFile = new FileStream(System.IO.Path.Combine(full, "lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e)
        {
            throw new StorageException(
                StorageErrorKind.FailedPrecondition,
                $"state directory {full} is in use by another driver ({e.Message}): stop that one, or give this one a directory of its own", e);
        }
        try
        {
            return new StateDirectory(full, lockFile, steps);
        }
        catch
        {
            lockFile.Dispose();
            throw;
        }
    }

    public void Dispose() => _lock.Dispose();

    /// <summary>The kernel reports loop devices and mounts by resolved path, so ours must be resolved too.</summary>
    public static string ResolveLinks(string path)
    {
        string full = System.IO.Path.GetFullPath(path);
        if (OperatingSystem.IsLinux())
            Directory.CreateDirectory(full, OwnerOnly);
        string current = "/";
        foreach (string part in full.Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            current = System.IO.Path.Combine(current, part);
            current = Directory.ResolveLinkTarget(current, returnFinalTarget: true)?.FullName ?? current;
        }
        return current;
    }

    private static string ReadOrMakeDriverId(string path)
    {
        if (File.Exists(path))
            return File.ReadAllText(path).Trim();
        string id = Guid.NewGuid().ToString("N");
        Files.ReplaceDurably(path, System.Text.Encoding.ASCII.GetBytes(id + "\n"));
        return id;
    }
}
