namespace Cscm.Machine;

/// <summary>A machine's directory, with the content of its devices in sparse files. It outlives power cuts, and ends with the machine.</summary>
internal sealed class Media : IDisposable
{
    private const string MemoryFileSystem = "/dev/shm";
    private const long ReserveBytes = 1L << 30;

    private const string Prefix = "cscm-machine-", OwnerSuffix = ".owner";

    private static int s_removed;

    private readonly FileStream _owner;

    private Media(MachinePaths paths, FileStream owner) => (Paths, _owner) = (paths, owner);

    public MachinePaths Paths { get; }

    public static Media Create(MachineOptions options)
    {
        var files = QemuArguments.Media(options, new MachinePaths("")).ToList();
        // In memory where there is room for all of it, else the host's disk would see every store that the guest makes.
        bool inMemory = Directory.Exists(MemoryFileSystem) && new DriveInfo(MemoryFileSystem).AvailableFreeSpace > files.Sum(file => file.SizeBytes) + ReserveBytes;
        string parent = inMemory ? MemoryFileSystem : Path.GetTempPath();
        if (Interlocked.Exchange(ref s_removed, 1) == 0)
            RemoveAbandoned(parent);
        string directory = Path.Combine(parent, Prefix + Guid.NewGuid().ToString("N")[..12]);
        var owner = new FileStream(directory + OwnerSuffix, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None);
        Directory.CreateDirectory(directory);
        var media = new Media(new MachinePaths(directory), owner);
        foreach ((string path, long sizeBytes) in QemuArguments.Media(options, media.Paths))
            Allocate(path, sizeBytes);
        return media;
    }

    public static void Allocate(string path, long sizeBytes)
    {
        using FileStream file = File.Create(path);
        file.SetLength(sizeBytes);
    }

    public void Dispose()
    {
        Directory.Delete(Paths.Directory, recursive: true);
        File.Delete(_owner.Name);
        _owner.Dispose();
    }

    /// <summary>What test runs left that were killed: their locks, which the kernel holds for the living only, can be taken.</summary>
    private static void RemoveAbandoned(string parent)
    {
        foreach (string file in Directory.GetFiles(parent, Prefix + "*" + OwnerSuffix))
        {
            try
            {
                using var owner = new FileStream(file, FileMode.Open, FileAccess.ReadWrite, FileShare.None);
                string directory = file[..^OwnerSuffix.Length];
                if (Directory.Exists(directory))
                    Directory.Delete(directory, recursive: true);
                File.Delete(file);
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                // Its machine is alive, or not ours to remove.
            }
        }
    }
}
