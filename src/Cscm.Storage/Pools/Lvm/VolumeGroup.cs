namespace Cscm.Storage.Pools.Lvm;

/// <summary>
/// A volume group and what is in it, read once and kept up to date by every act: an act is one command of lvm, told the very extents to
/// use. Only logical volumes with the pool's tag are ever touched; others are space that is taken. Thread-safe.
/// </summary>
internal sealed class VolumeGroup
{
    public const long ExtentBytes = Sizes.StepBytes;

    private readonly LvmTool _tool;
    private readonly string _tag;
    private readonly IStepObserver _steps;
    private readonly Lock _lock = new();
    private Dictionary<string, LogicalVolume> _volumes = [];
    private ExtentMap _map;
    private volatile GroupReport _report;

    public VolumeGroup(LvmTool tool, GroupReport report, string tag, IStepObserver steps)
    {
        _tool = tool;
        _tag = tag;
        _steps = steps;
        (_report, _map) = (report, MapOf(report));
        Load(report);
    }

    public string Name => _report.Name;

    public IReadOnlyList<PhysicalVolume> Devices => _report.Devices;

    public bool IsWritable => _report.IsWritable;

    private PhysicalVolume? MissingDevice => _report.Devices.FirstOrDefault(device => device.IsMissing);

    /// <summary>Extents of the pool's and of others, and free ones.</summary>
    public long ExtentsCount => _report.Devices.Where(device => !device.IsMissing).Sum(device => device.ExtentsCount);

    /// <summary>What the pool's volumes over a number of devices can still take; no longer true the moment it is told.</summary>
    public (long UsableBytes, long LargestBytes, int FreeRunsCount) Free(int stripes)
    {
        if (MissingDevice is not null)
            return default;
        lock (_lock)
            return (_map.UsableCount(stripes) * ExtentBytes, _map.LargestCount(stripes) * ExtentBytes, _map.RunsCount);
    }

    /// <summary>The pool's volumes.</summary>
    public IReadOnlyList<LogicalVolume> Volumes
    {
        get
        {
            lock (_lock)
                return [.. _volumes.Values.Where(IsOurs)];
        }
    }

    /// <summary>A volume of the pool's; null if there is none of that name.</summary>
    public LogicalVolume? Find(string name)
    {
        lock (_lock)
            return _volumes.GetValueOrDefault(name) is { } volume && IsOurs(volume) ? volume : null;
    }

    /// <summary>The device-mapper name of a volume: hyphens doubled, one between group and volume.</summary>
    public string DeviceNameOf(string volume) => $"{Escape(Name)}-{Escape(volume)}";

    /// <summary>Makes a volume. What it shows is whatever its space held before.</summary>
    /// <exception cref="StorageException">ResourceExhausted: there is no room.</exception>
    public void Create(string name, long sizeBytes, int stripes, bool isActive)
    {
        lock (_lock)
            Allocate(name, sizeBytes, stripes, [], runs => CreateCommand(name, sizeBytes, stripes, isActive, runs));
    }

    /// <summary>Grows a volume; one that is as large already stays as it is.</summary>
    /// <exception cref="StorageException">ResourceExhausted: there is no room.</exception>
    public void Grow(string name, long sizeBytes)
    {
        lock (_lock)
        {
            LogicalVolume volume = Require(name);
            long moreBytes = sizeBytes - volume.SizeBytes;
            if (moreBytes > 0)
                Allocate(name, moreBytes, volume.Stripes, volume.Segments[^1], runs => GrowCommand(volume, moreBytes, runs));
        }
    }

    /// <summary>Makes a volume where another one would grow into, so that it can be zeroed there first.</summary>
    public void Reserve(string place, string name, long moreBytes)
    {
        lock (_lock)
        {
            LogicalVolume volume = Require(name);
            Allocate(place, moreBytes, volume.Stripes, volume.Segments[^1], runs => CreateCommand(place, moreBytes, volume.Stripes, isActive: true, runs));
        }
    }

    /// <summary>Grows a volume into the space of one that was reserved for it.</summary>
    public void GrowInto(string place, string name)
    {
        lock (_lock)
        {
            LogicalVolume volume = Require(name), reserved = Require(place);
            ExtentRun[] runs = [.. reserved.Runs];
            RemoveUnderLock(place);
            _steps.Reached("lvm.extend-over-reserved");
            _tool.RunOrThrow(GrowCommand(volume, reserved.SizeBytes, runs));
            Record(name, reserved.SizeBytes, volume.Stripes, runs);
        }
    }

    public void Rename(string name, string to)
    {
        lock (_lock)
        {
            RequireWhole();
            LogicalVolume volume = Require(name);
            _tool.RunOrThrow("lvrename", "--yes", Name, name, to);
            _volumes.Remove(name);
            _volumes[to] = volume with { Name = to };
        }
    }

    /// <summary>Gives a volume's space back as it is; one that is not there is gone.</summary>
    public void Remove(string name)
    {
        lock (_lock)
            RemoveUnderLock(name);
    }

    public void SetActive(string name, bool isActive)
    {
        lock (_lock)
            _tool.RunOrThrow("lvchange", "--yes", "--activate", isActive ? "y" : "n", $"{Name}/{Require(name).Name}");
    }

    /// <summary>Reads anew what is there.</summary>
    public void Refresh()
    {
        lock (_lock)
            RefreshUnderLock();
    }

    private static IEnumerable<string> StripesOf(int stripes) => stripes > 1 ? ["--stripes", $"{stripes}", "--stripesize", $"{Sizes.StepBytes >> 20}m"] : [];

    private static string Escape(string name) => name.Replace("-", "--", StringComparison.Ordinal);

    private static ExtentMap MapOf(GroupReport report)
        => new(report.Devices.Where(device => !device.IsMissing).Select(device => device.Name), report.FreeRuns.Where(run => report.Devices.Any(device => device.Name == run.Device && !device.IsMissing)));

    /// <summary>lvm changes nothing in a group that lacks a device.</summary>
    private void RequireWhole()
    {
        if (MissingDevice is { } missing)
        {
            throw new StorageException(
                StorageErrorKind.Unavailable, $"volume group {Name} lacks the device with id {missing.Uuid}, so nothing in it can be changed: bring its region back, then restart the driver");
        }
    }

    private bool IsOurs(LogicalVolume volume) => volume.Tags.Contains(_tag);

    private LogicalVolume Require(string name) => _volumes.GetValueOrDefault(name) is { } volume && IsOurs(volume)
        ? volume
        : throw new StorageException(StorageErrorKind.Internal, $"volume group {Name} has no volume {name} of this pool: see lvs {Name}");

    private string[] CreateCommand(string name, long sizeBytes, int stripes, bool isActive, IReadOnlyList<ExtentRun> runs) =>
    [
        "lvcreate", "--yes", "--wipesignatures", "n", "--zero", "n", "--activate", isActive ? "y" : "n", "--setautoactivation", "n", "--addtag", _tag,
        "--name", name, .. StripesOf(stripes), "--extents", $"{sizeBytes / ExtentBytes}", Name, .. runs.Select(run => run.ToString()),
    ];

    private string[] GrowCommand(LogicalVolume volume, long moreBytes, IEnumerable<ExtentRun> runs) =>
    [
        "lvextend", "--yes", .. StripesOf(volume.Stripes), "--extents", $"+{moreBytes / ExtentBytes}", $"{Name}/{volume.Name}", .. runs.Select(run => run.ToString()),
    ];

    /// <summary>Chooses extents and runs the command that takes them. Where somebody else took some meanwhile, it is tried once more.</summary>
    private void Allocate(string name, long sizeBytes, int stripes, IReadOnlyList<ExtentRun> behind, Func<IReadOnlyList<ExtentRun>, string[]> command)
    {
        RequireWhole();
        for (bool isRepeated = false; ; isRepeated = true)
        {
            IReadOnlyList<ExtentRun> runs = _map.Plan(sizeBytes / ExtentBytes, stripes, behind) ?? throw new StorageException(
                StorageErrorKind.ResourceExhausted,
                $"volume group {Name} has no room for {sizeBytes} bytes{(stripes > 1 ? $" over {stripes} devices" : "")}: delete volumes, or use another pool");
            (int exitCode, _, string errors) = _tool.Run(command(runs));
            if (exitCode == 0)
            {
                Record(name, sizeBytes, stripes, runs);
                return;
            }
            RefreshUnderLock();
            if (isRepeated)
                throw new StorageException(StorageErrorKind.Internal, $"lvm could not allocate {sizeBytes} bytes for {name} in {Name} (exit code {exitCode}): {errors.Trim()}");
        }
    }

    private void Record(string name, long moreBytes, int stripes, IReadOnlyList<ExtentRun> runs)
    {
        if (stripes > 1 && runs.Count > stripes)
        {
            // How lvm pairs pieces of different lengths into stripes is its own business.
            RefreshUnderLock();
            return;
        }
        _map.Take(runs);
        IEnumerable<IReadOnlyList<ExtentRun>> segments = stripes > 1 ? [runs] : runs.Select(run => (IReadOnlyList<ExtentRun>)[run]);
        LogicalVolume? old = _volumes.GetValueOrDefault(name);
        _volumes[name] = new LogicalVolume(name, [_tag], (old?.SizeBytes ?? 0) + moreBytes, "", [.. old?.Segments ?? [], .. segments]);
    }

    private void RemoveUnderLock(string name)
    {
        if (_volumes.GetValueOrDefault(name) is not { } volume || !IsOurs(volume))
            return;
        RequireWhole();
        _tool.RunOrThrow("lvremove", "--yes", "--force", $"{Name}/{name}");
        _volumes.Remove(name);
        _map.Give(volume.Runs.Where(run => run.Count > 0 && Devices.Any(device => device.Name == run.Device && !device.IsMissing)));
    }

    private void RefreshUnderLock()
    {
        GroupReport report = _tool.Report().FirstOrDefault(candidate => candidate.Name == Name) ?? throw new StorageException(
            StorageErrorKind.Unavailable, $"volume group {Name} is gone: bring its devices back, then restart the driver");
        Load(report);
    }

    private void Load(GroupReport report)
    {
        _report = report;
        _map = MapOf(report);
        _volumes = report.Volumes.ToDictionary(volume => volume.Name, StringComparer.Ordinal);
    }
}
