namespace Cscm.Memory.Tests;

/// <summary>A heap in a temporary file on tmpfs, deleted afterwards. Non-temporal stores and fences are the real ones.</summary>
internal sealed class TestHeap : IDisposable
{
    public TestHeap(long sizeBytes = 8 << 20, ScmHeapOptions? options = null)
    {
        Path = System.IO.Path.Combine(Directory.Exists("/dev/shm") ? "/dev/shm" : System.IO.Path.GetTempPath(), $"cscm-test-{Guid.NewGuid():n}");
        Options = (options ?? new ScmHeapOptions()) with
        {
            Domain = options is null || options.Domain == PersistenceDomain.Detect ? PersistenceDomain.MemoryController : options.Domain,
        };
        Heap = ScmHeap.Create(Path, sizeBytes, Options);
    }

    public string Path { get; }

    public ScmHeapOptions Options { get; }

    public ScmHeap Heap { get; private set; }

    /// <summary>Closes in good order and opens again.</summary>
    public void Reopen()
    {
        Heap.Dispose();
        Heap = ScmHeap.Open(Path, Options);
    }

    /// <summary>What a killed process leaves: opens a copy of the file as it is now, without closing.</summary>
    public ScmHeap OpenCopyAsIs(out string copy)
    {
        copy = Path + "-copy";
        File.Copy(Path, copy, overwrite: true);
        return ScmHeap.Open(copy, Options);
    }

    public void Dispose()
    {
        Heap.Dispose();
        File.Delete(Path);
        File.Delete(Path + "-copy");
    }
}
