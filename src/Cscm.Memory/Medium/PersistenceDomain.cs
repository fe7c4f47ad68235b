namespace Cscm.Memory;

/// <summary>How far a store must travel before it survives a power failure, and therefore what a commit has to do.</summary>
public enum PersistenceDomain
{
    /// <summary>Find out from the mapping, sysfs and the processor.</summary>
    Detect = 0,

    /// <summary>Nothing survives a power failure (tmpfs): commits survive the death of the process only.</summary>
    Volatile = 1,

    /// <summary>The file is cached in pages, or flushed by a hypervisor (virtio-pmem): durable after msync, which threads share.</summary>
    PageCache = 2,

    /// <summary>ADR: durable once a line has left the processor: non-temporal stores or write-back, then a store fence.</summary>
    MemoryController = 3,

    /// <summary>eADR or CXL global persistent flush: durable once visible. A store fence only orders.</summary>
    CpuCache = 4,
}
