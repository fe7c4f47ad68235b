using Cscm.Memory.Native;

namespace Cscm.Memory.Medium;

/// <summary>Finds the persistence domain of a mapped file, and says why.</summary>
internal static class DomainDetection
{
    public const string Variable = "CSCM_PERSISTENCE_DOMAIN";

    public static (PersistenceDomain Domain, string Reason) Detect(HeapMapping mapping, ScmHeapOptions options)
    {
        if (options.Domain != PersistenceDomain.Detect)
        {
            return (options.Domain, "it was set by ScmHeapOptions.Domain");
        }

        string? forced = Environment.GetEnvironmentVariable(Variable);
        if (string.IsNullOrEmpty(forced) && LibC.IsBlockDevice(mapping.Descriptor))
        {
            // The file system that its node lies in (a container's /dev is a tmpfs) says nothing about it.
            return (PersistenceDomain.PageCache, "it is a block device: the kernel caches its pages");
        }

        return string.IsNullOrEmpty(forced)
            ? Detect(Path.GetFullPath(mapping.Path), mapping.IsSynchronous, "/sys", File.ReadLines("/proc/self/mountinfo"))
            : (Parse(mapping.Path, forced), $"it was set by the environment variable {Variable}");
    }

    /// <summary>The decision, from what the kernel shows.</summary>
    internal static (PersistenceDomain Domain, string Reason) Detect(
        string path, bool isSynchronous, string sysRoot, IEnumerable<string> mountInfo)
    {
        bool isDax = path.StartsWith("/dev/dax", StringComparison.Ordinal);
        MountPoint? mount = isDax ? null : SysfsDomain.MountOf(path, mountInfo);
        if (!isSynchronous)
        {
            return mount?.FileSystem is "tmpfs" or "ramfs" or "hugetlbfs"
                ? (PersistenceDomain.Volatile, $"{mount.Directory} is a {mount.FileSystem}")
                : (PersistenceDomain.PageCache, "the kernel refused MAP_SYNC: flushing the processor's caches is not durability here");
        }

        List<string> regions = SysfsDomain.RegionsUnder(sysRoot, isDax ? Path.GetFileName(path) : mount?.Device ?? "", isDax);
        // Only if every region says so; a region that says nothing gets its lines written back, which is never wrong.
        return regions.Count > 0 && regions.TrueForAll(region => region == "cpu_cache")
            ? (PersistenceDomain.CpuCache, "the kernel granted MAP_SYNC and every region reports persistence_domain cpu_cache")
            : (PersistenceDomain.MemoryController, $"the kernel granted MAP_SYNC; regions report: {(regions.Count == 0 ? "nothing" : string.Join(", ", regions))}");
    }

    private static PersistenceDomain Parse(string heap, string value) => value switch
    {
        "cpu_cache" => PersistenceDomain.CpuCache,
        "memory_controller" => PersistenceDomain.MemoryController,
        "page_cache" => PersistenceDomain.PageCache,
        "volatile" => PersistenceDomain.Volatile,
        _ => throw new ScmMisuseException(heap, -1, $"{Variable} is \"{value}\"", "Set it to cpu_cache, memory_controller, page_cache or volatile"),
    };
}
