using System.Globalization;
using System.Text;
using Cscm.Storage.Linux;
using Cscm.Storage.Proof;
using Cscm.Storage.Regions;
using Cscm.Storage.State;
using Mono.Unix.Native;

namespace Cscm.Storage.Pools.Xfs;

/// <summary>
/// The one file system that a pool's volumes share: found or made on the pool's device, and mounted at a private place, where it stays
/// for the volumes' mounts to outlive the driver. Made only on a device that holds nothing; mounted only if its UUID says that this driver's
/// pool of this name made it.
/// </summary>
internal sealed class XfsMedium
{
    /// <summary>Its log is 64 MiB, and below this mkfs.xfs takes stripes of 2 MiB with two allocation groups only.</summary>
    private const long SmallDeviceBytes = 1L << 30;

    /// <summary>Inodes (one per 16 KiB, of 512 bytes) and the file system's own trees are charged to nobody.</summary>
    private const int OwnShare = 32;
    private const long OwnBytes = 8L << 20;
    private const string FormattingFile = "formatting";

    /// <summary>Before it, copies by reflink made the kernel warn on DAX (fs/dax.c), or were refused.</summary>
    private static readonly Version s_reflinkOnDax = new(6, 2);

    private readonly string _mountPoint;
    private readonly IStepObserver _steps;

    private XfsMedium(PoolOptions options, string directory, string device, IStepObserver steps)
    {
        (Options, Device, _steps) = (options, device, steps);
        _mountPoint = Path.Combine(directory, "medium");
        FormattingPath = Path.Combine(directory, FormattingFile);
    }

    public PoolOptions Options { get; }

    /// <summary>The block device, as <c>/dev/pmem0</c>.</summary>
    public string Device { get; }

    /// <summary>Whether copies can share blocks with what they are copies of.</summary>
    public bool CanShare { get; private set; }

    /// <summary>What was proven of the mounted file system.</summary>
    public DaxProof Proof { get; private set; } = new(ProofResult.Untested, ProofResult.Untested, ProofResult.Untested, "not mounted");

    /// <summary>What volumes can have, together.</summary>
    public long UsableBytes { get; private set; }

    private string FormattingPath { get; }

    /// <summary>Opens the root of the mounted file system.</summary>
    /// <exception cref="StorageException">Unavailable: it is not mounted any more.</exception>
    public SafePath OpenRoot()
        => SafePath.TryOpenIf(_mountPoint, status => status.IsMountPoint) ?? throw new StorageException(
            StorageErrorKind.Unavailable, $"the file system of pool {Options.Name} is not mounted at {_mountPoint} any more: restart the driver, which mounts it again");

    public string PathOf(string below) => Path.Combine(_mountPoint, below);

    /// <summary>Finds the file system of a pool or makes it, and mounts it.</summary>
    /// <exception cref="StorageException">
    /// InvalidArgument: the source. FailedPrecondition: the device holds something else, or the kernel lacks project quota. Unavailable: there is no such device now.
    /// </exception>
    public static XfsMedium Open(PoolOptions options, string directory, string driverId, IStepObserver steps)
    {
        var medium = new XfsMedium(options, directory, FindDevice(options), steps);
        Guid id = new(Sha256.Hash(Encoding.UTF8.GetBytes($"{driverId} {options.Name}")).AsSpan(0, 16));
        using SafePath mountPoint = SafePath.OpenOrCreateDirectory(medium._mountPoint, 0x1C0);
        if (!mountPoint.GetStatus().IsMountPoint)
        {
            medium.MakeIfBlank(id);
            medium.Mount(mountPoint);
        }
        medium.Adopt();
        return medium;
    }

    private static string FindDevice(PoolOptions options)
    {
        if (options.Sources is not [{ Kind: PoolSourceKind.Device or PoolSourceKind.Namespace } source])
        {
            throw new StorageException(
                StorageErrorKind.InvalidArgument, $"pool {options.Name} is one file system on one device: name one source, as in source=/dev/pmem0 or source=namespace:NAME");
        }
        if (source.Kind == PoolSourceKind.Device)
        {
            return File.Exists(source.Name) ? source.Name : throw new StorageException(
                StorageErrorKind.Unavailable, $"pool {options.Name}: there is no device {source.Name}: see `cscm regions` for those there are");
        }
        string[] devices =
        [
            .. new RegionReader().Read().Regions.SelectMany(region => region.Namespaces)
                .Where(item => item.AlternativeName == source.Name).Select(item => item.BlockDevice).OfType<string>(),
        ];
        return devices.Length == 1 ? "/dev/" + devices[0] : throw new StorageException(
            StorageErrorKind.Unavailable, $"pool {options.Name}: {devices.Length} fsdax namespaces are named {source.Name}, one is needed: see `cscm regions`, and name one by ndctl create-namespace --name");
    }

    /// <summary>Formats a device that holds nothing. Cut off, it leaves a note by which the next start knows that what is there is its own.</summary>
    private void MakeIfBlank(Guid id)
    {
        bool wasFormatting = File.Exists(FormattingPath) && File.ReadAllText(FormattingPath) == Device;
        XfsSuperblock? found = XfsSuperblock.Read(Device);
        if (found is { Label: XfsSuperblock.PoolLabel } && found.Id == id && !wasFormatting)
            return;
        if (found is not null && !wasFormatting)
        {
            throw new StorageException(
                StorageErrorKind.FailedPrecondition,
                found.Label == XfsSuperblock.PoolLabel
                    ? $"device {Device} of pool {Options.Name} holds a pool of another driver (UUID {found.Id}): restore that driver's state directory, or give the pool another device; only if its volumes are to be lost, run wipefs -a {Device}"
                    : $"device {Device} of pool {Options.Name} holds an XFS that is not the pool's (UUID {found.Id}): give the pool another device; only if its content is to be lost, run wipefs -a {Device}");
        }
        _steps.Reached("xfs.note-formatting");
        Files.ReplaceDurably(FormattingPath, Encoding.UTF8.GetBytes(Device));
        _steps.Reached("xfs.make-file-system");
        Format(id, isForced: wasFormatting);
        _steps.Reached("xfs.forget-formatting");
        File.Delete(FormattingPath);
        Files.SyncDirectory(Path.GetDirectoryName(FormattingPath)!);
    }

    private void Format(Guid id, bool isForced)
    {
        long sizeBytes;
        using (SafePath device = SafePath.Open(Device))
            sizeBytes = FileSystemControl.GetDeviceSize(device);
        List<string> arguments =
        [
            "-q", "-K", "-L", XfsSuperblock.PoolLabel, "-b", "size=4096",
            "-m", $"uuid={id},crc=1,finobt=1,rmapbt=0,reflink={(Environment.OSVersion.Version >= s_reflinkOnDax ? 1 : 0)}",
            // Runs of 2 MiB that start at multiples of 2 MiB of the device are what the processor maps by one entry.
            "-d", "su=2m,sw=1" + (sizeBytes < SmallDeviceBytes ? ",agcount=2" : ""),
        ];
        if (isForced)
            arguments.Add("-f");
        arguments.Add(Device);
        (int exitCode, string output) = ToolRunner.RunAsync("mkfs.xfs", "xfsprogs", arguments, CancellationToken.None).GetAwaiter().GetResult();
        if (exitCode == 0)
            return;
        File.Delete(FormattingPath);
        throw output.Contains("Use the -f option", StringComparison.Ordinal)
            ? new StorageException(
                StorageErrorKind.FailedPrecondition,
                $"device {Device} of pool {Options.Name} is not blank ({output.Split('\n')[0].Trim()}): give the pool another device; only if its content is to be lost, run wipefs -a {Device}")
            : new StorageException(StorageErrorKind.Internal, $"mkfs.xfs {string.Join(' ', arguments)} ended with exit code {exitCode}: {output}");
    }

    private void Mount(SafePath mountPoint)
    {
        _steps.Reached("xfs.mount");
        try
        {
            Mounts.MountFileSystem(
                "xfs", Device, [new FileSystemOption("dax", "always"), new FileSystemOption("prjquota")], MountAttribute.NoDevices | MountAttribute.NoSuid, mountPoint);
        }
        catch (LinuxException e) when (e.Errno == Errno.EINVAL && e.Message.Contains("quota", StringComparison.OrdinalIgnoreCase))
        {
            throw new StorageException(
                StorageErrorKind.FailedPrecondition, $"the kernel of this node has no XFS project quota, which keeps the volumes of pool {Options.Name} apart: use a kernel with CONFIG_XFS_QUOTA, or a pool of kind lvm ({e.Message})", e);
        }
    }

    /// <summary>Looks at what is mounted: that it is the pool's, enforces quota, and what it can do.</summary>
    private void Adopt()
    {
        using SafePath root = OpenRoot();
        // A driver that died while it held the file system still. Nobody else freezes it.
        FileSystemControl.Thaw(root);
        MountEntry? entry = FindMount();
        if (entry is null || entry.FileSystem != "xfs" || entry.Source != Device)
        {
            throw new StorageException(
                StorageErrorKind.FailedPrecondition, $"{_mountPoint} of pool {Options.Name} has {entry?.FileSystem} {entry?.Source} mounted on it instead of {Device}: unmount that and restart the driver");
        }
        if (!entry.SuperOptions.Split(',').Contains("prjquota"))
        {
            throw new StorageException(
                StorageErrorKind.FailedPrecondition, $"the file system of pool {Options.Name} at {_mountPoint} is mounted without project quota: unmount it ({Device} must be mounted nowhere) and restart the driver");
        }
        SafePath.OpenOrCreateDirectory(PathOf("content"), 0x1C0).Dispose();
        SafePath.OpenOrCreateDirectory(PathOf("trash"), 0x1C0).Dispose();
        Proof = DaxProver.Prove(_mountPoint);
        CanShare = FileSystemControl.HasReflink(root);
        UsableBytes = ReadUsableBytes(root);
    }

    /// <summary>What keeps the file system from being used; null if nothing does.</summary>
    public (string Reason, string Message)? FindTrouble()
    {
        try
        {
            using SafePath root = OpenRoot();
            ProjectQuota.Get(root, 0);
        }
        catch (StorageException e)
        {
            return ("NotMounted", e.Message);
        }
        catch (LinuxException e)
        {
            return ("FileSystemDown", $"the file system of pool {Options.Name} on {Device} has shut down ({e.Message}): see the kernel log and `cscm regions`, unpublish its volumes, unmount {_mountPoint}, run xfs_repair, and restart the driver");
        }
        return IsReadOnly() ? ("FileSystemReadOnly", $"the file system of pool {Options.Name} on {Device} is read-only: see the kernel log, repair the device, and mount {_mountPoint} anew by a restart of the driver") : null;
    }

    /// <summary>What of the device cannot be read; null if all can.</summary>
    public string? FindBadBlocks()
    {
        string path = $"/sys/class/block/{Path.GetFileName(Device)}/badblocks";
        string[] runs = File.Exists(path) ? [.. File.ReadLines(path).Where(line => line.Length > 0)] : [];
        return runs.Length == 0 ? null : $"{runs.Length} runs of {Device} under pool {Options.Name} cannot be read (sectors {runs[0].Trim()}…): restore what lies there; writing whole blocks anew, or deleting the volume, clears them";
    }

    /// <summary>The region that the device is of; none for a device that is no namespace's.</summary>
    public IEnumerable<Region> FindRegions()
        => new RegionReader().Read().Regions.Where(region => region.Namespaces.Any(item => "/dev/" + item.BlockDevice == Device));

    /// <summary>The node that the device's memory is of; null where the kernel does not say.</summary>
    public int? FindNumaNode()
    {
        string path = $"/sys/class/block/{Path.GetFileName(Device)}/device/numa_node";
        return File.Exists(path) && int.TryParse(File.ReadAllText(path).Trim(), out int node) && node >= 0 ? node : null;
    }

    private bool IsReadOnly()
    {
        using SafePath root = OpenRoot();
        return FileSystemControl.IsReadOnly(root);
    }

    private MountEntry? FindMount() => MountTable.Read().LastOrDefault(mount => mount.MountPoint == _mountPoint);

    /// <summary>Settled while it is empty and kept on the medium: later, shared blocks would be counted more than once.</summary>
    private long ReadUsableBytes(SafePath root)
    {
        string path = PathOf("usable-bytes");
        if (File.Exists(path) && long.TryParse(File.ReadAllText(path), NumberStyles.None, CultureInfo.InvariantCulture, out long kept))
            return kept;
        long freeBytes = FileSystemControl.GetStats(root).AvailableBytes;
        long usableBytes = Math.Max(0, Sizes.RoundDown(freeBytes - (freeBytes / OwnShare) - OwnBytes));
        _steps.Reached("xfs.note-usable-bytes");
        Files.ReplaceDurably(path, Encoding.ASCII.GetBytes(usableBytes.ToString(CultureInfo.InvariantCulture)));
        return usableBytes;
    }
}
