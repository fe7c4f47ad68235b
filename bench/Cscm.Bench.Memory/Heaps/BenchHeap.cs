using Cscm.Memory;

namespace Cscm.Bench.Memory.Heaps;

/// <summary>
/// A heap in a file of its own, deleted at the end. Unless told otherwise it persists as on ADR memory (non-temporal stores or line
/// write-back, then a fence) wherever the file lies: the same instructions as the peers, which run with PMEM_IS_PMEM_FORCE=1.
/// </summary>
public sealed class BenchHeap : IDisposable
{
    private readonly string _path;

    public BenchHeap(string directory, string name, long sizeBytes, PersistenceDomain domain = PersistenceDomain.MemoryController)
    {
        _path = Path.Combine(directory, $"cscm-bench-{name}-{Environment.ProcessId}");
        MakePresent(_path, sizeBytes);
        Heap = ScmHeap.Create(_path, sizeBytes, new ScmHeapOptions { Domain = domain });
    }

    public ScmHeap Heap { get; }

    /// <summary>The lines of the heap's own description that bear on its speed.</summary>
    public string Describe() =>
        string.Join(
            '\n',
            Heap.Describe().Split('\n').Where(line => line.StartsWith("persistence", StringComparison.Ordinal) || line.StartsWith("log", StringComparison.Ordinal)));

    /// <summary>What happened behind the operations so far.</summary>
    public string DescribeCheckpoints()
    {
        ScmHeapMetrics metrics = Heap.Metrics;
        return $"checkpoints: {metrics.Checkpoints} in the background, {metrics.CheckpointFences} fences; longest wait for log space {metrics.WorstStall.TotalMilliseconds:0.000} ms";
    }

    /// <summary>All pages, as the peers' pools have theirs: the kernel's clearing of them is not what is measured.</summary>
    private static void MakePresent(string path, long sizeBytes)
    {
        using var file = new FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
        byte[] zeros = new byte[2 << 20];
        for (long written = 0; written < sizeBytes; written += zeros.Length)
            file.Write(zeros, 0, (int)Math.Min(zeros.Length, sizeBytes - written));
    }

    public void Dispose()
    {
        Heap.Dispose();
        File.Delete(_path);
    }
}
