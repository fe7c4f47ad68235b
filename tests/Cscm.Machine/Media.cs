namespace Cscm.Machine;

/// <summary>A machine's directory, with the content of its devices in sparse files. It outlives power cuts, and ends with the machine.</summary>
internal sealed class Media : IDisposable
{
    private const string MemoryFileSystem = "/dev/shm";
    private const long ReserveBytes = 1L << 30;

    private Media(MachinePaths paths) => Paths = paths;

    public MachinePaths Paths { get; }

    public static Media Create(MachineOptions options)
    {
        var files = QemuArguments.Media(options, new MachinePaths("")).ToList();
        // In memory where there is room for all of it, else the host's disk would see every store that the guest makes.
        bool inMemory = Directory.Exists(MemoryFileSystem) && new DriveInfo(MemoryFileSystem).AvailableFreeSpace > files.Sum(file => file.SizeBytes) + ReserveBytes;
        string directory = Path.Combine(inMemory ? MemoryFileSystem : Path.GetTempPath(), "cscm-machine-" + Guid.NewGuid().ToString("N")[..12]);
        Directory.CreateDirectory(directory);
        var media = new Media(new MachinePaths(directory));
        foreach ((string path, long sizeBytes) in QemuArguments.Media(options, media.Paths))
            Allocate(path, sizeBytes);
        return media;
    }

    public static void Allocate(string path, long sizeBytes)
    {
        using FileStream file = File.Create(path);
        file.SetLength(sizeBytes);
    }

    public void Dispose() => Directory.Delete(Paths.Directory, recursive: true);
}
