using Cscm.Storage.Linux;
using Cscm.Storage.Regions;

namespace Cscm.Storage.Pools.Lvm;

/// <summary>
/// Finds a pool's volume group, or makes it of what the pool may take. Everything is looked at before anything is changed; whatever
/// somebody else's mark is on, or anything that could be somebody's data, is refused. An interrupted opening is taken up by the next.
/// </summary>
internal sealed class GroupOpener(PoolOptions options, string driverId, string directory, IStepObserver steps)
{
    /// <summary>lvm's own area: for some thousand volumes. With it data start at 8 MiB.</summary>
    private const string MetadataSize = "7m";
    private const long MetadataBytes = 8 << 20;

    private readonly string _tag = LvmNames.Tag(driverId, options.Name);

    /// <exception cref="StorageException">
    /// FailedPrecondition: it is another's, or not prepared. ResourceExhausted: there is no room. Unavailable: something is not there now.
    /// </exception>
    public (VolumeGroup Group, IReadOnlyList<Region> Regions) Open()
    {
        Inventory inventory = new RegionReader().Read();
        PoolSource first = options.Sources[0];
        if (first.Kind == PoolSourceKind.VolumeGroup)
            return WithRegions(OpenExisting(first.Name));
        // A group that has lost a device still has the volumes on the others; one that is to be made needs all.
        var devices = new List<string>();
        StorageException? absence = null;
        foreach (PoolSource source in options.Sources)
        {
            try
            {
                devices.Add(DeviceOf(source, inventory));
            }
            catch (StorageException e) when (e.Kind == StorageErrorKind.Unavailable)
            {
                absence = e;
            }
        }
        if (devices.Count == 0)
            throw absence ?? Missing(first);
        var tool = new LvmTool(devices, directory);
        string name = LvmNames.Group(driverId, options.Name);
        IReadOnlyList<GroupReport> reports = tool.Report();
        foreach (GroupReport other in reports.Where(report => report.Name.Length > 0 && report.Name != name))
            throw Foreign(other);
        GroupReport? own = reports.FirstOrDefault(report => report.Name == name);
        if (own is null)
        {
            if (absence is not null)
                throw absence;
            RequireBlank(devices);
            steps.Reached("lvm.make-group");
            tool.RunOrThrow([
                "vgcreate", "--yes", "--dataalignment", "2m", "--metadatasize", MetadataSize, "--physicalextentsize", "2m", "--setautoactivation", "n",
                "--addtag", _tag, name, .. devices,
            ]);
            own = tool.Report().First(report => report.Name == name);
        }
        RequireOwn(own);
        string[] missing = [.. devices.Except(own.Devices.Select(device => device.Name))];
        if (missing.Length > 0)
        {
            RequireBlank(missing);
            steps.Reached("lvm.extend-group");
            tool.RunOrThrow(["vgextend", "--yes", "--dataalignment", "2m", "--metadatasize", MetadataSize, name, .. missing]);
            own = tool.Report().First(report => report.Name == name);
        }
        return WithRegions(new VolumeGroup(tool, own, _tag, steps));
    }

    /// <summary>The regions that a group's devices lie on, as far as they are regions'.</summary>
    private static (VolumeGroup Group, IReadOnlyList<Region> Regions) WithRegions(VolumeGroup group)
    {
        HashSet<string> names = [.. group.Devices.Select(device => Path.GetFileName(device.Name))];
        return (group, [.. new RegionReader().Read().Regions.Where(region => region.Namespaces.Any(item => item.BlockDevice is { } device && names.Contains(device)))]);
    }

    private string DeviceOf(PoolSource source, Inventory inventory) => source.Kind switch
    {
        PoolSourceKind.Region => FindOrCarve(source.Name, inventory),
        PoolSourceKind.Namespace => inventory.Regions.SelectMany(region => region.Namespaces).Where(item => item.AlternativeName == source.Name).ToArray() switch
        {
            [] => throw Missing(source),
            [{ Mode: NamespaceMode.FsDax, BlockDevice: { } device }] => "/dev/" + device,
            [{ } other] => throw new StorageException(
                StorageErrorKind.FailedPrecondition, $"pool {options.Name}: {source} is {other.Name} in mode {other.Mode} with device {other.BlockDevice ?? "none"}: enable it, or make one in mode fsdax"),
            _ => throw new StorageException(StorageErrorKind.FailedPrecondition, $"pool {options.Name}: several namespaces are named {source.Name}: name the device instead, as in source=/dev/pmem0"),
        },
        _ => File.Exists(source.Name) ? new FileInfo(source.Name).ResolveLinkTarget(returnFinalTarget: true)?.FullName ?? source.Name : throw Missing(source),
    };

    /// <summary>The pool's share of a region: found by its name, wherever it is after a boot, or carved.</summary>
    private string FindOrCarve(string regionName, Inventory inventory)
    {
        string name = NamespaceNames.Pool(driverId, options.Name);
        Region region = inventory.Regions.FirstOrDefault(candidate => candidate.Name == regionName) ?? throw Missing(new PoolSource(PoolSourceKind.Region, regionName));
        Namespace? share = region.Namespaces.FirstOrDefault(item => item.AlternativeName == name);
        if (share is { BlockDevice: null })
            share = NamespaceCarver.Enable(share);
        if (share is { BlockDevice: { } device })
        {
            if (share.Mode == NamespaceMode.FsDax)
                return "/dev/" + device;
            DestroyHalfMade(share, device);
            region = new RegionReader().Read().Regions.First(candidate => candidate.Name == regionName);
        }
        foreach (Namespace other in region.Namespaces)
        {
            if (NamespaceNames.Parse(other.AlternativeName) is { } parsed && parsed.Name == NamespaceNames.PoolPrefix + options.Name)
            {
                throw new StorageException(
                    StorageErrorKind.FailedPrecondition,
                    $"{other.Name} of {regionName} is another driver's share for a pool named {options.Name} ({other.AlternativeName}): restore that driver's state directory, "
                        + $"or name the pool differently; only if its volumes are to be lost, ndctl destroy-namespace --force {other.Name}");
            }
        }
        // A region that is disabled shows none of its namespaces, and so all of it as free.
        if (!Directory.Exists($"/sys/bus/nd/devices/{regionName}/driver"))
            throw Missing(new PoolSource(PoolSourceKind.Region, regionName));
        RegionRules.RequireCarvable(region, options.Name);
        long alignmentBytes = region.AlignmentBytes ?? NamespaceSizes.AlignmentBytes;
        long shareBytes = Sizes.RoundUp((options.SizeBytes + options.Sources.Count - 1) / options.Sources.Count) + MetadataBytes;
        long rawBytes = Math.Min(NamespaceSizes.RawBytes(shareBytes, alignmentBytes), NamespaceSizes.RoundDown(region.MaximumExtentBytes, alignmentBytes));
        if (NamespaceSizes.UsableBytes(rawBytes) <= 2 * MetadataBytes)
            throw new StorageException(StorageErrorKind.ResourceExhausted, $"pool {options.Name}: {regionName} has {region.MaximumExtentBytes} bytes free in one piece, too few for a pool: destroy a namespace that nobody needs, or take another region");
        steps.Reached("lvm.carve-share");
        Namespace made = NamespaceCarver.Create(regionName, name, rawBytes);
        string path = "/dev/" + made.BlockDevice;
        steps.Reached("lvm.clear-share");
        NamespaceCarver.ClearHead(path);
        return path;
    }

    /// <summary>Named but without a page map: its making was cut off. With one that the kernel does not take, it was a pool's.</summary>
    private void DestroyHalfMade(Namespace share, string device)
    {
        if (Signatures.HasPageMap("/dev/" + device))
        {
            throw new StorageException(
                StorageErrorKind.FailedPrecondition,
                $"pool {options.Name}: its share {share.Name} is in mode {share.Mode} although it was made as fsdax: see the kernel log for why its page map is not taken; only if its volumes are to be lost, ndctl destroy-namespace --force {share.Name}");
        }
        steps.Reached("lvm.destroy-half-made-share");
        NamespaceCarver.Destroy(share);
    }

    private VolumeGroup OpenExisting(string name)
    {
        GroupReport report = new LvmTool([], directory).Report().FirstOrDefault(candidate => candidate.Name == name)
            ?? throw Missing(new PoolSource(PoolSourceKind.VolumeGroup, name));
        if (report.ExtentBytes != VolumeGroup.ExtentBytes || report.Devices.Any(device => !device.IsMissing && device.DataStartBytes % Sizes.StepBytes != 0))
        {
            throw new StorageException(
                StorageErrorKind.FailedPrecondition,
                $"pool {options.Name}: volume group {name} has extents of {report.ExtentBytes} bytes that start at {string.Join(", ", report.Devices.Select(device => device.DataStartBytes))}, which defeats mappings of 2 MiB: "
                    + "make it with pvcreate --dataalignment 2m and vgcreate --physicalextentsize 2m");
        }
        var tool = new LvmTool([.. report.Devices.Where(device => !device.IsMissing).Select(device => device.Name)], directory);
        if (!report.Tags.Any(tag => tag.StartsWith(LvmNames.TagPrefix, StringComparison.Ordinal)))
        {
            steps.Reached("lvm.mark-group");
            tool.RunOrThrow("vgchange", "--addtag", _tag, name);
            report = tool.Report().First(candidate => candidate.Name == name);
        }
        RequireOwn(report);
        return new VolumeGroup(tool, report, _tag, steps);
    }

    private void RequireOwn(GroupReport group)
    {
        if (!group.Tags.Contains(_tag))
            throw Foreign(group);
    }

    private StorageException Foreign(GroupReport group)
    {
        string? mark = group.Tags.FirstOrDefault(tag => tag.StartsWith(LvmNames.TagPrefix, StringComparison.Ordinal));
        return new StorageException(
            StorageErrorKind.FailedPrecondition,
            mark is null
                ? $"pool {options.Name}: {string.Join(", ", group.Devices.Select(device => device.Name))} belongs to volume group {group.Name}, which is not the driver's: take from the group itself with source=vg:{group.Name}, "
                    + $"or, only if its volumes are to be lost, vgremove {group.Name} and wipefs -a the devices"
                : $"volume group {group.Name} of pool {options.Name} belongs to another driver or pool ({mark}): restore that driver's state directory, or give the pool another source; "
                    + $"only if its volumes are to be lost, vgremove {group.Name}");
    }

    private void RequireBlank(IEnumerable<string> devices)
    {
        foreach (string device in devices)
        {
            IReadOnlyList<string> found = Signatures.Find(device);
            // A physical volume of no group is what an interrupted making of ours leaves.
            if (found.Any(type => type != "LVM2_member") || BlockDevice.IsClaimed(device))
            {
                throw new StorageException(
                    StorageErrorKind.FailedPrecondition,
                    $"pool {options.Name}: {device} holds {(found.Count > 0 ? string.Join(", ", found) : "something that is in use")}: name another source, or, only if its content is to be lost, unmount it and wipefs -a {device}");
            }
        }
    }

    private StorageException Missing(PoolSource source)
        => new(StorageErrorKind.Unavailable, $"pool {options.Name}: {source} is not there: cscm regions lists what is; bring it back, or correct the pool's source");
}
