namespace Cscm.Storage.Regions;

/// <summary>
/// Reads what storage class memory there is from sysfs (Documentation/ABI: sysfs-bus-nvdimm, sysfs-bus-nfit, sysfs-bus-cxl,
/// sysfs-bus-dax). Changes nothing, needs no privilege and no tool. Thread-safe.
/// </summary>
/// <param name="sysfs">Where sysfs is mounted.</param>
public sealed class RegionReader(string sysfs = "/sys")
{
    /// <summary>What the kernel shows now. Takes a fraction of a millisecond per device.</summary>
    public Inventory Read()
    {
        var problems = new List<string>();
        IReadOnlyList<SysfsDirectory> nd = SysfsDirectory.DevicesOf(sysfs, "nd");
        Region[] regions = [.. nd.Where(IsRegion).Select(directory => Guard(() => ReadRegion(directory), problems)).OfType<Region>()];
        DaxDevice[] daxDevices = [.. SysfsDirectory.DevicesOf(sysfs, "dax").Select(directory => Guard(() => DaxDeviceReader.Read(directory), problems)).OfType<DaxDevice>()];
        CxlMemory[] memories =
        [
            .. SysfsDirectory.DevicesOf(sysfs, "cxl").Where(CxlReader.IsMemory)
                .Select(directory => Guard(() => CxlReader.Read(directory, nd, regions), problems)).OfType<CxlMemory>(),
        ];
        return new Inventory(regions, daxDevices, memories, problems);
    }

    private static Region ReadRegion(SysfsDirectory directory)
    {
        RegionTechnology technology = directory.Parent.Text("provider") switch
        {
            "ACPI.NFIT" => RegionTechnology.Nvdimm,
            "CXL" => RegionTechnology.Cxl,
            string provider when provider.StartsWith("virtio-pmem", StringComparison.Ordinal) => RegionTechnology.VirtioPmem,
            _ => RegionTechnology.Other,
        };
        MemoryDevice[] devices = [.. ReadMappedDevices(directory).Select(MemoryDeviceReader.Read)];
        // With labels the kernel makes namespaces of type 5 (ND_DEVICE_NAMESPACE_PMEM), else one of type 4 that is all of the region.
        bool hasLabels = directory.Number("nstype") == 5;
        bool isBlank = devices.Length > 0 && devices.All(device => device.Labels != LabelState.None);
        IReadOnlyList<BadRange> badRanges = BadBlocks.Parse(directory.Text("badblocks"));
        bool isReadOnly = directory.Number("read_only") == 1;
        return new Region
        {
            Name = directory.Name,
            Technology = technology,
            SizeBytes = directory.RequiredSize("size"),
            // A region without labels says how much could be free if it had them: that cannot be had.
            AvailableBytes = hasLabels ? directory.Size("available_size") ?? 0 : 0,
            MaximumExtentBytes = hasLabels ? directory.Size("max_available_extent") ?? directory.Size("available_size") ?? 0 : 0,
            AlignmentBytes = directory.Size("align"),
            NumaNode = directory.NumaNode(),
            InterleaveWays = Math.Max(1, devices.Length),
            InterleaveSet = directory.Number("set_cookie") is ulong cookie and not 0 ? cookie : null,
            PersistenceDomain = directory.Text("persistence_domain") switch
            {
                "cpu_cache" => PersistenceDomain.CpuCache,
                "memory_controller" => PersistenceDomain.MemoryController,
                _ => PersistenceDomain.Unknown,
            },
            IsSynchronous = technology != RegionTechnology.VirtioPmem,
            IsReadOnly = isReadOnly,
            Labels = hasLabels ? LabelState.Present : isBlank ? LabelState.Blank : LabelState.None,
            Devices = devices,
            Namespaces = [.. directory.Children("namespace").Select(NamespaceReader.Read).OfType<Namespace>()],
            BadRanges = badRanges,
            Health = RegionHealth.Judge(directory.Name, devices, badRanges, isReadOnly),
        };
    }

    /// <summary>The devices that <c>mapping0</c>, <c>mapping1</c>, … name: "nmem0,offset,length,position".</summary>
    private static IEnumerable<SysfsDirectory> ReadMappedDevices(SysfsDirectory region)
    {
        ulong count = region.Number("mappings") ?? 0;
        for (ulong i = 0; i < count; i++)
        {
            string name = region.Text($"mapping{i}")?.Split(',')[0] ?? throw new FormatException($"{region.Path}/mapping{i} cannot be read");
            yield return region.Parent.Child(name) ?? throw new FormatException($"{region.Path}/mapping{i} names {name}, which does not exist");
        }
    }

    private static bool IsRegion(SysfsDirectory directory) => directory.Name.StartsWith("region", StringComparison.Ordinal);

    /// <summary>One device that cannot be read must not hide the others.</summary>
    private static T? Guard<T>(Func<T?> read, List<string> problems)
        where T : class
    {
        try
        {
            return read();
        }
        catch (Exception exception) when (exception is FormatException or IOException)
        {
            problems.Add(exception.Message);
            return null;
        }
    }
}
