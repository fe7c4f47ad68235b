using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.NoEmit;
using Cscm.Bench.Memory.Heaps;
using Cscm.Memory;

namespace Cscm.Bench.Memory.Micro;

/// <summary>The smallest steps of the library, one by one, by BenchmarkDotNet; the managed bytes of each must be zero.</summary>
[MemoryDiagnoser]
public class CommitBenchmarks : IDisposable
{
    private BenchHeap? _file;
    private Ptr<ulong> _word;
    private ulong _number;

    /// <summary>Set by the command line; BenchmarkDotNet makes the object.</summary>
    public static string Directory { get; set; } = "/dev/shm";

    private ScmHeap Heap => _file!.Heap;

    public static void Run(BenchOptions options)
    {
        Directory = options.Text("path", "/dev/shm");
        string artifacts = Path.Combine(options.Text("peers", "artifacts/peers"), "../benchmarkdotnet");
        options.RefuseUnknown();
        // In this process: the files lie in a mount namespace that only this process and its children see.
        Job job = Job.ShortRun.WithToolchain(InProcessNoEmitToolchain.Instance);
        BenchmarkRunner.Run<CommitBenchmarks>(DefaultConfig.Instance.AddJob(job).WithArtifactsPath(Path.GetFullPath(artifacts)));
    }

    [GlobalSetup]
    public void Create()
    {
        _file = new BenchHeap(Directory, "micro", 256L << 20);
        using Transaction tx = Heap.Begin();
        _word = tx.Alloc<ulong>();
        tx.Commit();
    }

    [GlobalCleanup]
    public void Dispose()
    {
        _file?.Dispose();
        _file = null;
        GC.SuppressFinalize(this);
    }

    [Benchmark]
    public ulong Get() => Heap.Get(_word);

    [Benchmark]
    public void BeginAbort()
    {
        using Transaction tx = Heap.Begin();
    }

    [Benchmark(Baseline = true)]
    public void Commit8Bytes()
    {
        using Transaction tx = Heap.Begin();
        tx.Write(_word, ++_number);
        tx.Commit();
    }

    [Benchmark]
    public void Modify8Bytes()
    {
        using Transaction tx = Heap.Begin();
        tx.Modify(_word) = ++_number;
        tx.Commit();
    }

    [Benchmark]
    public void ReserveCancel64Bytes() => Heap.Cancel(Heap.Reserve<byte>(64));

    [Benchmark]
    public void AllocateFree64Bytes()
    {
        using Transaction tx = Heap.Begin();
        tx.Free(tx.AllocSpan<byte>(64));
        tx.Commit();
    }
}
