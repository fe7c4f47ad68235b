using Cscm.Storage.Linux;

namespace Cscm.Storage.Pools.Devices;

/// <summary>
/// A second device that shows another one and accepts no writes, for read-only publishing of raw block volumes: a read-only mount of a
/// device node keeps nobody from writing to the device. It maps its medium as the device below does.
/// </summary>
/// <param name="mark">Tells the views of one pool from those of others.</param>
internal sealed class ReadOnlyView(string mark)
{
    private const int SectorBytes = 512;
    private const string Package = "dmsetup";

    private string Prefix => $"cscm-ro-{mark}-";

    public string? Find(string key) => DeviceMapper.Find(Prefix + key);

    public bool IsViewOf(string key, uint major, uint minor) => DeviceMapper.NameOf(major, minor) == Prefix + key;

    /// <summary>Keys of all volumes of the pool that have a view.</summary>
    public IReadOnlyList<string> Keys
        => [.. DeviceMapper.List().Where(device => device.Name.StartsWith(Prefix, StringComparison.Ordinal)).Select(device => device.Name[Prefix.Length..])];

    public string Make(string key, string device)
    {
        Run("create", Prefix + key, "--readonly", "--table", TableOf(device));
        return Find(key) ?? throw new StorageException(StorageErrorKind.Internal, $"dmsetup made no device {Prefix}{key}: see dmsetup ls");
    }

    /// <summary>Makes a view show the size that its device has now.</summary>
    public void Refresh(string key, string device)
    {
        if (Find(key) is null)
            return;
        Run("reload", Prefix + key, "--readonly", "--table", TableOf(device));
        Run("resume", Prefix + key);
    }

    /// <exception cref="StorageException">FailedPrecondition: a process has it open.</exception>
    public void Remove(string key)
    {
        if (Find(key) is not { } view)
            return;
        (int exitCode, string output) = RunTool("remove", Prefix + key);
        if (exitCode != 0)
            throw new StorageException(StorageErrorKind.FailedPrecondition, $"the read-only device {view} cannot be removed: end what has it open (fuser -v {view}), then repeat ({output})");
    }

    private static string TableOf(string device)
    {
        using BlockDevice opened = BlockDevice.OpenToRead(device);
        return $"0 {opened.SizeBytes / SectorBytes} linear {device} 0";
    }

    private static void Run(params string[] arguments)
    {
        (int exitCode, string output) = RunTool(arguments);
        if (exitCode != 0)
            throw new StorageException(StorageErrorKind.Internal, $"dmsetup {string.Join(' ', arguments)} ended with exit code {exitCode}: {output}");
    }

    private static (int ExitCode, string Output) RunTool(params string[] arguments)
        => ToolRunner.RunAsync("dmsetup", Package, ["--noudevsync", "--noudevrules", .. arguments], CancellationToken.None).GetAwaiter().GetResult();
}
