using System.CommandLine;
using Cscm.Bench.Driver;
using Cscm.Csi.Tests.Driver;

var driver = new Option<string?>("--driver") { Description = "The published cscm to start (bench/driver passes it)" };
var endpoint = new Option<string?>("--endpoint") { Description = "Use the driver that serves here instead of starting one: unix:///path/csi.sock" };
var volumes = new Option<int>("--volumes") { Description = "Volumes, one cycle each, per measurement", DefaultValueFactory = _ => 50 };
var workers = new Option<int[]>("--workers") { Description = "Parallel workers of each measurement", DefaultValueFactory = _ => [1, 8], AllowMultipleArgumentsPerToken = true };
var kinds = new Option<string[]>("--pool-kind") { Description = "file, dram, or both; with --endpoint the pool's name, or none for the driver's default", DefaultValueFactory = _ => ["file", "dram"], AllowMultipleArgumentsPerToken = true };
var fileSystem = new Option<string>("--file-system") { Description = "File system of volumes in the file pool", DefaultValueFactory = _ => "ext4" };
var size = new Option<int>("--size") { Description = "MiB of a volume; expanded to twice that", DefaultValueFactory = _ => 64 };
var root = new RootCommand("Drives volumes through create, stage, publish, stats, unpublish, unstage, expand, snapshot, delete, and times each call")
{
    driver, endpoint, volumes, workers, kinds, fileSystem, size,
};
root.SetAction(async parsed =>
{
    var settings = new BenchSettings(
        parsed.GetValue(volumes), parsed.GetValue(workers)!, parsed.GetValue(fileSystem)!, (long)parsed.GetValue(size) << 20);
    string[] pools = parsed.GetValue(kinds)!;
    if (parsed.GetValue(endpoint) is string running)
    {
        string socket = running.StartsWith("unix://", StringComparison.Ordinal) ? running["unix://".Length..] : running;
        using CsiClient client = CsiClient.Connect(socket);
        await new Bench(client, () => DriverProcess.ReadResidentSizeBytes(PeerProcess.Find(socket)), settings).RunAsync(pools);
        return 0;
    }
    if (parsed.GetValue(driver) is not string executable)
    {
        await Console.Error.WriteLineAsync("Nothing to measure: name a published cscm with --driver, or a running driver with --endpoint; ./bench/driver does the first.");
        return 1;
    }
    if (!DriverProcess.MayMount)
    {
        await Console.Error.WriteLineAsync("The driver mounts volumes on loop devices: run as root on a machine with /dev/loop-control.");
        return 1;
    }
    await using DriverProcess own = await DriverProcess.StartAsync(
        executable,
        pools.Select(kind => $"name={kind},kind={kind},size=64Gi{(kind == "file" ? $",fileSystem={settings.FileSystem}" : "")}"),
        "--log-level",
        "Warning");
    await new Bench(own.Client, () => own.ResidentSizeBytes, settings).RunAsync(pools);
    return 0;
});
return await root.Parse(args).InvokeAsync();
