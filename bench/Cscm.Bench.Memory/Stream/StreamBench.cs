using Cscm.Bench.Memory.Heaps;
using Cscm.Bench.Memory.Measuring;
using Cscm.Bench.Memory.Peers;
using Cscm.Memory;

namespace Cscm.Bench.Memory.Stream;

/// <summary>
/// STREAM on memory of a heap, against the same kernels on anonymous memory (what does the mapping cost?) and against C on a file mapped
/// from the same directory (what does the language cost?), one thread, sweep by sweep in turn.
/// </summary>
public static class StreamBench
{
    public static unsafe void Run(BenchOptions options)
    {
        string directory = options.Text("path", "/dev/shm");
        string peers = options.Text("peers", "artifacts/peers");
        int count = options.Count("elements", 5_000_000) / StreamKernels.CountMultiple * StreamKernels.CountMultiple;
        int rounds = options.Count("rounds", 60);
        options.RefuseUnknown();
        if (count == 0)
            throw new BenchException($"--elements must be at least {StreamKernels.CountMultiple}");

        StreamVariant variant = StreamKernels.IsSupported(StreamVariant.NonTemporal) ? StreamVariant.NonTemporal : StreamVariant.Scalar;
        long sizeBytes = StreamArrays.SizeBytes(count);
        using var smallPages = new AnonymousMemory(sizeBytes, hugePages: false);
        using var hugePages = new AnonymousMemory(sizeBytes, hugePages: true);
        using var file = new BenchHeap(directory, "stream", (64L << 20) + (2 * sizeBytes));
        byte* ofHeap = Allocate(file.Heap, sizeBytes);
        var onSmallPages = new StreamArrays(smallPages.Pointer, count);
        var onHugePages = new StreamArrays(hugePages.Pointer, count);
        var onHeap = new StreamArrays(ofHeap, count);
        bool huge = PageSize.IsHuge((nuint)ofHeap);
        using Peer c = Peer.Start(
            peers,
            "stream",
            "--file",
            Path.Combine(directory, $"cscm-bench-stream-c-{Environment.ProcessId}"),
            "--elements",
            count.ToString());

        SweepTimes[][] times = Rounds.Run(
            5,
            rounds,
            () => onHeap.Sweep(variant),
            () => onSmallPages.Sweep(variant),
            () => onHugePages.Sweep(variant),
            () => Ask(c, "nt"),
            () => Ask(c, "plain"),
            () => onHeap.Sweep(StreamVariant.Scalar));
        onSmallPages.Check();
        onHugePages.Check();
        onHeap.Check();
        if (!(c.Ask("check")["error_max"] < 1e-12))
            throw new BenchException("STREAM in C computed something else");

        Console.WriteLine(
            $"STREAM, one thread, {count} doubles per array, {rounds} rounds; medians in GB/s; "
            + $"files in {directory}, mapped by {(huge ? "2 MiB" : "4 KiB")} pages");
        var table = new Table("", "COPY", "SCALE", "ADD", "TRIAD");
        string[] names =
        [
            $"C#, {variant}, heap",
            $"C#, {variant}, anonymous, 4 KiB pages",
            $"C#, {variant}, anonymous, {(PageSize.IsHuge((nuint)hugePages.Pointer) ? "2 MiB pages" : "2 MiB pages refused")}",
            "C, non-temporal, file",
            "C, gcc -O3, file",
            "C#, Scalar, heap",
        ];
        for (int i = 0; i < names.Length; i++)
        {
            table.Add(
                names[i],
                Bandwidth(times[i], t => t.Copy, 16L * count),
                Bandwidth(times[i], t => t.Scale, 16L * count),
                Bandwidth(times[i], t => t.Add, 24L * count),
                Bandwidth(times[i], t => t.Triad, 24L * count));
        }

        table.Print();

        // The whole sweep counts: what is slow in one kernel only shall show. The anonymous memory is the one with the heap's page size
        // (huge pages are the file system's to give); C has, for each kernel, the faster of its variants.
        IEnumerable<double> ours = times[0].Select(t => t.Total);
        var figures = new Figures();
        figures.Add("stream_vs_anonymous", Rounds.Speedup(ours, times[huge ? 2 : 1].Select(t => t.Total)), "0.000");
        figures.Add("stream_vs_c", Rounds.Speedup(ours, BestTotals(times[3], times[4])), "0.000");
        figures.Print();
    }

    /// <summary>Each round's total over the kernels, every kernel by the variant that has the lower median in it.</summary>
    private static IEnumerable<double> BestTotals(SweepTimes[] x, SweepTimes[] y)
    {
        Func<SweepTimes, double>[] kernels = [t => t.Copy, t => t.Scale, t => t.Add, t => t.Triad];
        SweepTimes[][] best = [.. kernels.Select(kernel => Rounds.Median(x.Select(kernel)) < Rounds.Median(y.Select(kernel)) ? x : y)];
        return Enumerable.Range(0, x.Length).Select(round => kernels.Zip(best, (kernel, times) => kernel(times[round])).Sum());
    }

    private static unsafe byte* Allocate(ScmHeap heap, long sizeBytes)
    {
        using Transaction tx = heap.Begin();
        PtrSpan<byte> block = tx.AllocSpan<byte>(sizeBytes, zeroed: false, alignment: 4096);
        tx.Commit();
        // The heap's memory is unmanaged and stays where it is until the heap is closed.
        fixed (byte* start = heap.GetUnlogged(block))
            return start;
    }

    private static SweepTimes Ask(Peer peer, string variant)
    {
        PeerReply reply = peer.Ask($"sweep {variant} 1");
        return new SweepTimes(reply["copy_ns"], reply["scale_ns"], reply["add_ns"], reply["triad_ns"]);
    }

    private static string Bandwidth(SweepTimes[] times, Func<SweepTimes, double> kernel, long bytes) =>
        (bytes / Rounds.Median(times.Select(kernel))).ToString("0.0");
}
