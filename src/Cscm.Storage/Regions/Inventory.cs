namespace Cscm.Storage.Regions;

/// <summary>All storage class memory that the kernel shows, at one moment.</summary>
/// <param name="Regions">In the order of their numbers.</param>
/// <param name="DaxDevices">Character devices of bus/dax: device-dax namespaces, and memory that never had a region (CXL ram, for one).</param>
/// <param name="CxlMemories">CXL memory devices, in a region or not.</param>
/// <param name="Problems">What could not be read, one line each, naming the file. What they concern is left out above.</param>
public sealed record Inventory(
    IReadOnlyList<Region> Regions,
    IReadOnlyList<DaxDevice> DaxDevices,
    IReadOnlyList<CxlMemory> CxlMemories,
    IReadOnlyList<string> Problems);

/// <summary>What makes a region's memory.</summary>
public enum RegionTechnology
{
    /// <summary>NVDIMMs described by ACPI (NFIT).</summary>
    Nvdimm,
    Cxl,
    VirtioPmem,

    /// <summary>Anything else that registers with the kernel's nvdimm bus: reserved DRAM (memmap=), device tree, PAPR.</summary>
    Other,
}

/// <summary>What survives a power cut without the processor's help (ACPI 6.5, 5.2.25.9; sysfs persistence_domain).</summary>
public enum PersistenceDomain
{
    /// <summary>The platform does not say: treat as memory controller at best.</summary>
    Unknown,

    /// <summary>What has left the caches: write back, then fence.</summary>
    MemoryController,

    /// <summary>What has left the store buffers: fence only.</summary>
    CpuCache,
}

public enum LabelState
{
    /// <summary>The devices have no label area: one namespace over the whole region.</summary>
    None,

    /// <summary>There is a label area, not yet initialised: one namespace over the whole region until it is.</summary>
    Blank,

    /// <summary>Namespaces can be carved.</summary>
    Present,
}

/// <summary>A run of bytes that cannot be read, relative to the start of what holds it.</summary>
public readonly record struct BadRange(long OffsetBytes, long SizeBytes);

/// <summary>Storage class memory of one kind, contiguous in physical address space.</summary>
public sealed record Region
{
    /// <summary>The kernel's name, e.g. <c>region0</c>. Stable for a boot only.</summary>
    public required string Name { get; init; }
    public required RegionTechnology Technology { get; init; }
    public required long SizeBytes { get; init; }

    /// <summary>Not yet in a namespace. Zero where namespaces cannot be carved.</summary>
    public required long AvailableBytes { get; init; }

    /// <summary>The largest namespace that could be made.</summary>
    public required long MaximumExtentBytes { get; init; }

    /// <summary>Namespaces start and end at multiples of it; null if the kernel does not say.</summary>
    public required long? AlignmentBytes { get; init; }
    public required int? NumaNode { get; init; }

    /// <summary>Over how many devices addresses are spread; 1 is none.</summary>
    public required int InterleaveWays { get; init; }

    /// <summary>Identity of the set of devices, which outlives boots; null where there is none.</summary>
    public required ulong? InterleaveSet { get; init; }
    public required PersistenceDomain PersistenceDomain { get; init; }

    /// <summary>False where stores become durable only by a flush request to the host (virtio-pmem): no MAP_SYNC.</summary>
    public required bool IsSynchronous { get; init; }
    public required bool IsReadOnly { get; init; }
    public required LabelState Labels { get; init; }
    public required IReadOnlyList<MemoryDevice> Devices { get; init; }
    public required IReadOnlyList<Namespace> Namespaces { get; init; }
    public required IReadOnlyList<BadRange> BadRanges { get; init; }

    /// <summary>Empty when the region is well.</summary>
    public required IReadOnlyList<HealthFinding> Health { get; init; }
}

/// <summary>A module that a region is made of.</summary>
/// <param name="Name">The kernel's name, e.g. <c>nmem0</c>.</param>
/// <param name="Id">Vendor's identity of it, as ndctl shows; null if there is none.</param>
/// <param name="Labels">Its label area.</param>
/// <param name="UnsafeShutdowns">How often power went while data was in flight; null if the device does not count.</param>
/// <param name="Flags">The device's complaints, in the kernel's words (<c>not_armed</c>, <c>smart_event</c>, …).</param>
public sealed record MemoryDevice(string Name, string? Id, LabelState Labels, long? UnsafeShutdowns, IReadOnlyList<string> Flags);

public enum NamespaceMode
{
    /// <summary>A block device without DAX for file systems that need struct pages.</summary>
    Raw,

    /// <summary>A block device that file systems map directly.</summary>
    FsDax,

    /// <summary>A character device to be mapped as a whole.</summary>
    DevDax,

    /// <summary>A block device with atomic sectors (BTT), no DAX.</summary>
    Sector,
}

/// <summary>A part of a region with a device of its own.</summary>
public sealed record Namespace
{
    /// <summary>The kernel's name, e.g. <c>namespace0.1</c>. Stable for a boot only.</summary>
    public required string Name { get; init; }
    public required NamespaceMode Mode { get; init; }

    /// <summary>Usable size.</summary>
    public required long SizeBytes { get; init; }

    /// <summary>What the region is charged: usable size plus the page map where it is kept there.</summary>
    public required long RawSizeBytes { get; init; }
    public required long? AlignmentBytes { get; init; }

    /// <summary>Outlives boots; null without labels.</summary>
    public required string? Uuid { get; init; }

    /// <summary>The name that its maker gave it; empty without one.</summary>
    public required string AlternativeName { get; init; }

    /// <summary>E.g. <c>pmem0</c>; null if it has no block device, or is disabled.</summary>
    public required string? BlockDevice { get; init; }

    /// <summary>E.g. <c>dax0.0</c>.</summary>
    public required string? DaxDevice { get; init; }
}

/// <summary>A character device of bus/dax.</summary>
public sealed record DaxDevice(string Name, long SizeBytes, long? AlignmentBytes, int? NumaNode, bool IsSystemMemory);

/// <summary>A CXL memory device.</summary>
/// <param name="Name">The kernel's name, e.g. <c>mem0</c>.</param>
/// <param name="Serial">Serial number, which outlives boots.</param>
/// <param name="PersistentBytes">Its persistent partition.</param>
/// <param name="VolatileBytes">Its volatile partition.</param>
/// <param name="NumaNode">The node of the host bridge; null if unknown.</param>
/// <param name="FirmwareVersion">As the device says.</param>
/// <param name="Region">The region of bus/nd that it is part of; null if it is in none.</param>
public sealed record CxlMemory(
    string Name, ulong Serial, long PersistentBytes, long VolatileBytes, int? NumaNode, string FirmwareVersion, string? Region);
