namespace Cscm.Machine;

/// <summary>What the platform promises of data that has left the processor's store buffers (ACPI NFIT, platform capabilities).</summary>
public enum PlatformPersistence
{
    /// <summary>The platform says nothing.</summary>
    Unknown,

    /// <summary>Caches are flushed at a power cut: eADR.</summary>
    CpuCache,

    /// <summary>What has reached the memory controller survives: ADR.</summary>
    MemoryController,
}

/// <summary>An emulated NVDIMM. Its content is a file that survives power cuts, until the machine is disposed.</summary>
/// <param name="SizeBytes">
/// The region's size, without the label area. A multiple of 128 MiB: NVDIMMs lie one after the other, and Linux makes no namespace where a
/// region does not start at a multiple of 16 MiB.
/// </param>
public sealed record Nvdimm(long SizeBytes)
{
    internal long FileBytes => SizeBytes + LabelBytes;

    /// <summary>Zero: no labels, so one namespace over all of it. At least 128 KiB otherwise.</summary>
    public long LabelBytes { get; init; } = 2 << 20;

    /// <summary>The device reports that it could not save its content at a power cut.</summary>
    public bool IsUnarmed { get; init; }

    public int? NumaNode { get; init; }
}

/// <summary>Memory that the host's page cache backs and that only a flush request makes durable.</summary>
public sealed record VirtioPmem(long SizeBytes);

/// <summary>A CXL type 3 memory device with persistent capacity.</summary>
/// <param name="SizeBytes">A multiple of 256 MiB.</param>
public sealed record CxlDevice(long SizeBytes)
{
    internal const long LabelBytes = 1 << 20;
}

/// <summary>What to start. The state after boot is saved per set of options and restored from then on.</summary>
public sealed record MachineOptions
{
    public IReadOnlyList<Nvdimm> Nvdimms { get; init; } = [];
    public IReadOnlyList<VirtioPmem> VirtioPmems { get; init; } = [];
    public CxlDevice? Cxl { get; init; }
    public PlatformPersistence Persistence { get; init; } = PlatformPersistence.MemoryController;
    public long MemoryBytes { get; init; } = 2L << 30;
    public int Processors { get; init; } = 2;

    /// <summary>
    /// A directory that appears read-only at <c>/payload</c>, .NET at <c>/usr/lib/dotnet</c> with it. At most 480 MiB. Where it has a program
    /// <c>warm</c> (tests/Cscm.Machine.Payload), the saved state holds processes that have started.
    /// </summary>
    public string? PayloadDirectory { get; init; }

    /// <summary>Boots even where a saved state exists.</summary>
    public bool ColdBoot { get; init; }
}
