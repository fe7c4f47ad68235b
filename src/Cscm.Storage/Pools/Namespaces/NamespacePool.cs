using Cscm.Storage.Pools.Devices;
using Cscm.Storage.Regions;
using Cscm.Storage.State;

namespace Cscm.Storage.Pools.Namespaces;

/// <summary>
/// Volumes as namespaces of their own, in mode fsdax: separated by the hardware's labels, found by the name in them wherever the kernel
/// puts them after a boot. The kernel chooses where in a region a namespace lies, and lays it in one piece: what can be had is the
/// largest free piece, less the page map. Namespaces do not grow: a volume that nobody uses is copied into a larger one.
/// </summary>
internal sealed class NamespacePool : DevicePool
{
    private const string CopyPrefix = "copy-";

    private readonly string _driverId;
    private readonly string[] _regionNames;
    private readonly long _alignmentBytes;

    private NamespacePool(PoolOptions options, string directory, string driverId, IReadOnlyList<Region> regions, long alignmentBytes, IStepObserver steps)
        : base(options, directory, driverId[..8], regions, steps)
    {
        _driverId = driverId;
        _regionNames = [.. options.Sources.Select(source => source.Name)];
        _alignmentBytes = alignmentBytes;
    }

    /// <exception cref="StorageException">FailedPrecondition: a region is not prepared, or another driver's volumes are in it.</exception>
    public static NamespacePool Open(PoolOptions options, string directory, string driverId, IStepObserver steps)
    {
        Region[] regions = [.. new RegionReader().Read().Regions.Where(region => options.Sources.Any(source => source.Name == region.Name))];
        foreach (Region region in regions)
        {
            RegionRules.RequireCarvable(region, options.Name);
            RequireUnmarked(region, options.Name, driverId);
        }
        int? node = options.NumaNode ?? (regions.Select(region => region.NumaNode).Distinct().ToArray() is [{ } single] ? single : null);
        long alignmentBytes = regions.Select(region => region.AlignmentBytes ?? 0).Append(NamespaceSizes.AlignmentBytes).Max();
        return new NamespacePool(options with { NumaNode = node }, directory, driverId, regions, alignmentBytes, steps);
    }

    public override SizePlan PlanGrowth(VolumeRecord volume, long capacityBytes) => !volume.IsInUse
        ? base.PlanGrowth(volume, capacityBytes)
        : throw new StorageException(
            StorageErrorKind.FailedPrecondition,
            $"volume {volume.Id} is a namespace, which cannot grow in place: unpublish and unstage it, then repeat (it is copied into a larger one), or use a pool of kind lvm for volumes that grow in use");

    public override long FindBackingBytes(string key) => Find(key)?.RawSizeBytes ?? 0;

    public override IEnumerable<HealthFinding> Examine(VolumeRecord volume)
    {
        string key = KeyOf(volume);
        Namespace? found = Find(key);
        if (found is null)
        {
            string[] missing = [.. _regionNames.Except(Regions().Select(region => region.Name))];
            yield return missing.Length > 0
                ? new HealthFinding(HealthKind.Inaccessible, "RegionMissing", $"the namespace of {key} is not there, and neither is {string.Join(", ", missing)}: bring the region back")
                : new HealthFinding(HealthKind.DataLoss, "NamespaceMissing", $"the namespace {NamespaceNames.Volume(_driverId, key)} is gone: restore the volume from a backup, or delete it");
        }
        else if (found.Mode != NamespaceMode.FsDax)
        {
            yield return new HealthFinding(HealthKind.DataLoss, "NamespaceDamaged", $"{found.Name} ({found.AlternativeName}) is in mode {found.Mode} instead of fsdax: restore the volume from a backup, or delete it");
        }
        else if (found.BlockDevice is { } device && File.Exists($"/sys/class/block/{device}/badblocks"))
        {
            long badBytes = BadBlocks.Parse(File.ReadAllText($"/sys/class/block/{device}/badblocks")).Sum(bad => bad.SizeBytes);
            if (badBytes > 0)
                yield return new HealthFinding(HealthKind.DataLoss, "BadBlocks", $"{badBytes} bytes of {found.Name} ({key}) cannot be read: restore the volume from a backup, or write the blocks anew");
        }
    }

    protected override IEnumerable<PoolHealth> ExamineMedium()
    {
        IReadOnlyList<Region> regions = Regions();
        foreach (string name in _regionNames.Except(regions.Select(region => region.Name)))
            yield return new PoolHealth(Options.Name, HealthKind.Inaccessible, "RegionMissing", $"{name} of pool {Options.Name} is not there: cscm regions lists what is; bring it back, or correct the pool's source");
        foreach (HealthFinding finding in regions.SelectMany(region => region.Health))
            yield return new PoolHealth(Options.Name, finding.Kind, finding.Reason, finding.Message);
    }

    protected override long UsableBackingBytes => Regions().Sum(region => NamespaceSizes.RoundDown(region.AvailableBytes, _alignmentBytes));

    protected override long LargestBackingBytes => Regions().Select(LargestIn).DefaultIfEmpty().Max();

    protected override IEnumerable<string> ListDevices()
    {
        string mark = NamespaceNames.MarkOf(_driverId);
        return NamespaceCarver.List().Where(item => _regionNames.Contains(item.Region)).Select(item => NamespaceNames.Parse(item.Namespace.AlternativeName))
            .OfType<(string Mark, string Name)>()
            .Where(parsed => parsed.Mark == mark && !parsed.Name.StartsWith(NamespaceNames.PoolPrefix, StringComparison.Ordinal)).Select(parsed => parsed.Name).ToArray();
    }

    protected override long DeviceOf(long backingBytes) => NamespaceSizes.UsableBytes(NamespaceSizes.RoundDown(backingBytes, _alignmentBytes));

    protected override long BackingFor(long deviceBytes) => NamespaceSizes.RawBytes(deviceBytes, _alignmentBytes);

    protected override string AllocateDevice(string key, long backingBytes)
    {
        if (Find(key) is { } leftover)
        {
            Steps.Reached("namespace.destroy-leftover");
            NamespaceCarver.Destroy(leftover);
        }
        // The region whose largest free piece fits best, so that larger pieces stay whole.
        IReadOnlyList<Region> regions = Regions();
        Region region = regions.Where(candidate => LargestIn(candidate) >= backingBytes).MinBy(LargestIn) ?? throw new StorageException(
            StorageErrorKind.ResourceExhausted,
            $"pool {Options.Name} has no {backingBytes} bytes in one piece ({regions.Sum(candidate => candidate.AvailableBytes)} are free, {LargestBackingBytes} of them in the largest piece): delete volumes, or use another pool");
        Steps.Reached("namespace.create");
        Namespace made = NamespaceCarver.Create(region.Name, NamespaceNames.Volume(_driverId, key), backingBytes);
        return PathOf(made);
    }

    protected override string RequireDevice(string key)
    {
        Namespace item = Find(key) ?? throw new StorageException(StorageErrorKind.Unavailable, $"the namespace {NamespaceNames.Volume(_driverId, key)} is not there: bring its region back, or restore the volume from a backup");
        return PathOf(item.BlockDevice is null ? NamespaceCarver.Enable(item) : item);
    }

    protected override string? FindDevice(string key) => Find(key)?.BlockDevice is { } device ? "/dev/" + device : null;

    protected override bool IsDevice(string key, uint major, uint minor)
    {
        string link = $"/sys/dev/block/{major}:{minor}";
        return System.IO.Directory.Exists(link) && Find(key)?.BlockDevice == new DirectoryInfo(link).ResolveLinkTarget(returnFinalTarget: true)?.Name;
    }

    protected override void ReleaseDevice(string key)
    {
        // A namespace's device is there as long as the namespace is.
    }

    protected override void RenameDevice(string key, string to) => NamespaceCarver.Rename(Require(key), NamespaceNames.Volume(_driverId, to));

    protected override void DestroyDevice(string key)
    {
        if (Find(key) is { } item)
            NamespaceCarver.Destroy(item);
    }

    /// <summary>
    /// Copies into a larger namespace, which then takes the name. In between the old one is in the trash already and the new one not
    /// yet named: a repetition that finds no volume but its copy knows that the copy is whole.
    /// </summary>
    protected override void GrowDevice(string key, long backingBytes, bool isBlock, CancellationToken cancellationToken)
    {
        string copy = CopyPrefix + key, trash = NewTrashName();
        if (Find(key) is { } old)
        {
            if (old.RawSizeBytes >= backingBytes)
                return;
            RequireRemovable(key);
            DestroyDevice(copy);
            string device = AllocateDevice(copy, backingBytes);
            try
            {
                if (isBlock)
                {
                    Steps.Reached("namespace.zero-copy");
                    ZeroWhole(device, cancellationToken);
                }
                Steps.Reached("namespace.copy");
                CopyContent(key, device, cancellationToken);
            }
            catch (OperationCanceledException)
            {
                DestroyDevice(copy);
                throw;
            }
            Steps.Reached("namespace.move-old-to-trash");
            RenameDevice(key, trash);
        }
        Steps.Reached("namespace.rename-copy");
        RenameDevice(copy, key);
        RequireDevice(key);
        // What a death leaves in the trash here, the next start erases.
        EraseTrash(trash, cancellationToken);
    }

    /// <summary>A copy whose volume is gone is what the volume is now.</summary>
    protected override bool IsRemainder(string name) => !name.StartsWith(CopyPrefix, StringComparison.Ordinal) || Find(name[CopyPrefix.Length..]) is not null;

    protected override string RegionOf(string key) => NamespaceCarver.List().FirstOrDefault(item => item.Namespace.AlternativeName == NamespaceNames.Volume(_driverId, key)).Region ?? Options.Name;

    private static string PathOf(Namespace item) => item.BlockDevice is { } device
        ? "/dev/" + device
        : throw new StorageException(StorageErrorKind.Unavailable, $"{item.Name} ({item.AlternativeName}) has no device: see the kernel log for why it is not enabled");

    private static void RequireUnmarked(Region region, string pool, string driverId)
    {
        Namespace[] foreign =
        [
            .. region.Namespaces.Where(item => NamespaceNames.Parse(item.AlternativeName) is { } parsed
                && parsed.Mark != NamespaceNames.MarkOf(driverId) && !parsed.Name.StartsWith(NamespaceNames.PoolPrefix, StringComparison.Ordinal)),
        ];
        if (foreign.Length > 0)
        {
            throw new StorageException(
                StorageErrorKind.FailedPrecondition,
                $"pool {pool}: {region.Name} holds {foreign.Length} volumes of another driver ({foreign[0].Name}: {foreign[0].AlternativeName}): restore that driver's state directory, or take another region; "
                    + $"only if its volumes are to be lost, ndctl destroy-namespace --force {foreign[0].Name}");
        }
    }

    private long LargestIn(Region region) => NamespaceSizes.RoundDown(region.MaximumExtentBytes, _alignmentBytes);

    private Region[] Regions() => [.. new RegionReader().Read().Regions.Where(region => _regionNames.Contains(region.Name))];

    private Namespace? Find(string key) => NamespaceCarver.Find(NamespaceNames.Volume(_driverId, key));

    private Namespace Require(string key) => Find(key)
        ?? throw new StorageException(StorageErrorKind.Internal, $"the namespace {NamespaceNames.Volume(_driverId, key)} is not there: see ndctl list --namespaces --idle");
}
