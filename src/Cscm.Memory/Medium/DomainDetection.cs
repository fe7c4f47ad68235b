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
            return (options.Domain, "set by ScmHeapOptions.Domain");
        }

        string? forced = Environment.GetEnvironmentVariable(Variable);
        if (!string.IsNullOrEmpty(forced))
        {
            return (Parse(mapping.Path, forced), $"set by the environment variable {Variable}");
        }

        return mapping.IsSynchronous
            ? (PersistenceDomain.MemoryController, "the kernel granted MAP_SYNC")
            : (PersistenceDomain.PageCache, "the kernel refused MAP_SYNC");
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
