using System.Diagnostics;
using System.Globalization;
using Csi.V1;
using Cscm.Csi.Tests.Driver;
using Rpc = Csi.V1.ControllerServiceCapability.Types.RPC.Types.Type;

namespace Cscm.Bench.Driver;

/// <summary>Runs the measurements and prints them.</summary>
internal sealed class Bench(CsiClient client, Func<long> readResidentSizeBytes, BenchSettings settings)
{
    /// <summary>
    /// Before each measurement, so that connections are open, and this client's and the driver's code compiled to the last tier, when
    /// the counting begins: after ten cycles both still compile, on the processors that the calls need.
    /// </summary>
    private const int WarmUpCycles = 100;

    /// <summary>After the last call: the driver gives memory back when it rests, which is how it spends its life.</summary>
    private static readonly TimeSpan s_restBeforeMemory = TimeSpan.FromSeconds(3);

    public async Task RunAsync(IReadOnlyList<string> pools)
    {
        GetPluginInfoResponse plugin = await client.Identity.GetPluginInfoAsync(new GetPluginInfoRequest());
        Console.WriteLine($"{plugin.Name} {plugin.VendorVersion}: {settings.Volumes} volumes of {settings.SizeBytes >> 20} MiB per measurement, "
            + $"each after {WarmUpCycles} cycles that are not counted");
        string summary = "";
        foreach (string pool in pools)
        {
            var results = new List<Measurement>();
            foreach (int workers in settings.Workers)
                results.Add(await MeasureAsync(pool, workers));
            double busyMegabytes = readResidentSizeBytes() / 1e6;
            await Task.Delay(s_restBeforeMemory);
            double residentMegabytes = readResidentSizeBytes() / 1e6;
            Print(pool, results);
            Console.WriteLine($"driver's resident memory: {Number(busyMegabytes)} MB right after the last call, {Number(residentMegabytes)} MB {s_restBeforeMemory.TotalSeconds} s later");
            if (summary.Length == 0)
                summary = Summary(results, residentMegabytes);
        }
        Console.WriteLine();
        Console.WriteLine(summary);
    }

    private async Task<Measurement> MeasureAsync(string pool, int workers)
    {
        string directory = Directory.CreateTempSubdirectory("cscm-bench-").FullName;
        try
        {
            var cycle = new VolumeCycle(client, directory, ParameterOf(pool), FileSystemOf(pool), settings.SizeBytes, await CanSnapshotAsync(pool));
            await RunCyclesAsync(cycle, workers, WarmUpCycles, new Latencies());
            var latencies = new Latencies();
            long start = Stopwatch.GetTimestamp();
            await RunCyclesAsync(cycle, workers, settings.Volumes, latencies);
            return new Measurement(workers, settings.Volumes / Stopwatch.GetElapsedTime(start).TotalSeconds, latencies);
        }
        finally
        {
            Leftovers.Remove(directory);
        }
    }

    private static async Task RunCyclesAsync(VolumeCycle cycle, int workers, int cycles, Latencies latencies)
    {
        int next = 0;
        await Task.WhenAll(Enumerable.Range(0, workers).Select(_ => Task.Run(async () =>
        {
            while (Interlocked.Increment(ref next) <= cycles)
                await cycle.RunAsync(latencies);
        })));
    }

    /// <summary>Plain memory is not copied: its pool takes no snapshots.</summary>
    private async Task<bool> CanSnapshotAsync(string pool)
    {
        ControllerGetCapabilitiesResponse capabilities = await client.Controller.ControllerGetCapabilitiesAsync(new ControllerGetCapabilitiesRequest());
        return pool != "dram" && capabilities.Capabilities.Any(capability => capability.Rpc.Type == Rpc.CreateDeleteSnapshot);
    }

    private string FileSystemOf(string pool) => pool == "file" ? settings.FileSystem : "";

    private static string ParameterOf(string pool) => pool == "none" ? "" : pool;

    private static void Print(string pool, List<Measurement> results)
    {
        Console.WriteLine();
        string header = $"{pool} pool",
            line = string.Concat(results.Select(result => $"  {$"{result.Workers} worker{(result.Workers == 1 ? "" : "s")}",16}"));
        Console.WriteLine($"{header,-18}{line}");
        Console.WriteLine($"{"ms",-18}{string.Concat(results.Select(_ => $"  {"p50",7}  {"p99",7}"))}");
        foreach (string rpc in results[0].Latencies.Names)
            Console.WriteLine($"{rpc,-18}{string.Concat(results.Select(result => $"  {Number(result.Latencies.Percentile(rpc, 50)),7}  {Number(result.Latencies.Percentile(rpc, 99)),7}"))}");
        Console.WriteLine($"{"cycles/s",-18}{string.Concat(results.Select(result => $"  {Number(result.CyclesPerSecond),16}"))}");
    }

    private static string Summary(List<Measurement> results, double residentMegabytes)
    {
        Measurement one = results[0];
        string[] names = ["create", "stage", "publish", "stats", "unpublish"];
        string latencies = string.Join(' ', names.Select(name => $"{name}_p50_ms={Number(one.Latencies.Percentile(name, 50))}"));
        string rates = string.Join(' ', results.Select(result => $"cycles_per_s{(result.Workers == 1 ? "" : $"_{result.Workers}")}={Number(result.CyclesPerSecond)}"));
        return $"{latencies} {rates} rss_mb={Number(residentMegabytes)}";
    }

    private static string Number(double value) => value.ToString("0.00", CultureInfo.InvariantCulture);

    private sealed record Measurement(int Workers, double CyclesPerSecond, Latencies Latencies);
}
