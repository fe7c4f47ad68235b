using Cscm.Storage.Linux;
using Cscm.Storage.Pools.Devices;
using Cscm.Storage.Regions;
using Cscm.Storage.State;

namespace Cscm.Storage.Pools.Lvm;

/// <summary>
/// Volumes as logical volumes on storage class memory, linear or striped over several regions. Snapshots and clones are copies: of lvm's
/// own kinds of volumes only linear and striped ones map their medium. Where the medium is not there, the pool says so and is opened by
/// the first call after it has come back.
/// </summary>
internal sealed class LvmPool : DevicePool
{
    private readonly Func<VolumeGroup> _open;
    private readonly Lock _lock = new();
    private readonly IReadOnlyList<Region> _regions;
    private volatile VolumeGroup? _group;
    private volatile string _trouble;

    private LvmPool(PoolOptions options, string directory, string driverId, IStepObserver steps, Func<VolumeGroup> open, VolumeGroup? group, IReadOnlyList<Region> regions, string trouble)
        : base(options, directory, driverId[..8], regions, steps)
    {
        _open = open;
        _group = group;
        _regions = regions;
        _trouble = trouble;
    }

    /// <exception cref="StorageException">FailedPrecondition, ResourceExhausted: the pool's sources cannot be taken.</exception>
    public static LvmPool Open(PoolOptions options, string directory, string driverId, IStepObserver steps)
    {
        var opener = new GroupOpener(options, driverId, directory, steps);
        try
        {
            (VolumeGroup group, IReadOnlyList<Region> regions) = opener.Open();
            int? node = options.NumaNode ?? (regions.Select(region => region.NumaNode).Distinct().ToArray() is [{ } single] ? single : null);
            return new LvmPool(options with { NumaNode = node }, directory, driverId, steps, () => opener.Open().Group, group, regions, "");
        }
        catch (StorageException e) when (e.Kind == StorageErrorKind.Unavailable)
        {
            return new LvmPool(options, directory, driverId, steps, () => opener.Open().Group, null, [], e.Message);
        }
    }

    public override void CheckSettings(VolumeSettings settings)
    {
        base.CheckSettings(settings);
        if (settings.Dax is null or DaxPolicy.Required && _regions.FirstOrDefault(region => !region.IsSynchronous) is { } region)
        {
            throw new StorageException(
                StorageErrorKind.FailedPrecondition,
                $"pool {Options.Name} is on {region.Name}, where stores become durable by a flush request only ({region.Technology}): use a pool on an NVDIMM or CXL region, or dax: preferred");
        }
    }

    public override long FindBackingBytes(string key) => _group?.Find(key)?.SizeBytes ?? 0;

    public override IEnumerable<HealthFinding> Examine(VolumeRecord volume)
    {
        if (_group is not { } group)
            return [new HealthFinding(HealthKind.Inaccessible, "PoolUnavailable", _trouble)];
        return GroupHealth.Examine(group, KeyOf(volume), volume);
    }

    protected override IEnumerable<PoolHealth> ExamineMedium() => _group is { } group
        ? GroupHealth.ExaminePool(Options.Name, group)
        : [new PoolHealth(Options.Name, HealthKind.Inaccessible, "PoolUnavailable", _trouble)];

    protected override long UsableBackingBytes => _group?.Free(Options.Stripes).UsableBytes ?? 0;

    protected override long LargestBackingBytes => _group?.Free(Options.Stripes).LargestBytes ?? 0;

    protected override IEnumerable<string> ListDevices() => _group?.Volumes.Select(volume => volume.Name) ?? [];

    protected override long DeviceOf(long backingBytes) => backingBytes / (VolumeGroup.ExtentBytes * Options.Stripes) * VolumeGroup.ExtentBytes * Options.Stripes;

    protected override long BackingFor(long deviceBytes)
    {
        long stripeBytes = VolumeGroup.ExtentBytes * Options.Stripes;
        return (deviceBytes + stripeBytes - 1) / stripeBytes * stripeBytes;
    }

    protected override string AllocateDevice(string key, long backingBytes)
    {
        VolumeGroup group = RequireGroup();
        if (group.Find(key) is not null)
        {
            Steps.Reached("lvm.remove-leftover");
            group.Remove(key);
        }
        Steps.Reached("lvm.create");
        group.Create(key, backingBytes, Options.Stripes, isActive: true);
        return RequireDevice(key);
    }

    protected override string RequireDevice(string key)
    {
        VolumeGroup group = RequireGroup();
        if (FindDevice(key) is { } device)
            return device;
        group.SetActive(key, isActive: true);
        return FindDevice(key) ?? throw new StorageException(StorageErrorKind.Internal, $"lvm activated {group.Name}/{key}, and the device mapper does not show it: see dmsetup ls");
    }

    protected override string? FindDevice(string key) => _group is { } group ? DeviceMapper.Find(group.DeviceNameOf(key)) : null;

    protected override bool IsDevice(string key, uint major, uint minor) => _group is { } group && DeviceMapper.NameOf(major, minor) == group.DeviceNameOf(key);

    protected override void ReleaseDevice(string key) => RequireGroup().SetActive(key, isActive: false);

    protected override void RenameDevice(string key, string to) => RequireGroup().Rename(key, to);

    protected override void DestroyDevice(string key) => RequireGroup().Remove(key);

    protected override void GrowDevice(string key, long backingBytes, bool isBlock, CancellationToken cancellationToken)
    {
        VolumeGroup group = RequireGroup();
        string place = LvmNames.Placeholder(key);
        group.Remove(place);
        long moreBytes = backingBytes - FindBackingBytes(key);
        if (moreBytes <= 0)
            return;
        if (!isBlock)
        {
            Steps.Reached("lvm.extend");
            group.Grow(key, backingBytes);
            return;
        }
        Steps.Reached("lvm.reserve");
        group.Reserve(place, key, moreBytes);
        Steps.Reached("lvm.zero-reserved");
        ZeroWhole(RequireDevice(place), cancellationToken);
        Steps.Reached("lvm.extend-into-reserved");
        group.GrowInto(place, key);
    }

    protected override bool IsRemainder(string name) => true;

    protected override string RegionOf(string key)
    {
        string? device = Path.GetFileName(_group?.Find(key)?.Runs.FirstOrDefault().Device);
        return _regions.FirstOrDefault(region => region.Namespaces.Any(item => item.BlockDevice == device))?.Name ?? device ?? Options.Name;
    }

    private VolumeGroup RequireGroup()
    {
        if (_group is { } open)
            return open;
        lock (_lock)
        {
            try
            {
                return _group ??= _open();
            }
            catch (StorageException e)
            {
                _trouble = e.Message;
                throw;
            }
        }
    }
}
