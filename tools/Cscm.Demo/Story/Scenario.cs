using System.Diagnostics;
using Cscm.Demo.Containers;
using Cscm.Demo.Machine;
using Cscm.Demo.Orchestration;
using Csi.V1;

namespace Cscm.Demo.Story;

/// <summary>The demo's story, step by step: what an orchestrator, the driver and containers do with volumes on one machine.</summary>
internal sealed class Scenario(DemoOptions options, StepLog log) : IAsyncDisposable
{
    private const string FilePool = "files";
    private const string MemoryPool = "memory";
    private const string Data = "/data";
    private const string Fast = "/fast";
    private const string RecordFile = $"{Data}/record";
    private const string NeedsRoot = "loop devices are root's: run ./demo as root to see it";

    private readonly string _stateDirectory = Path.Combine(options.WorkDirectory, "state");
    private readonly string _orchestratorDirectory = Path.Combine(options.WorkDirectory, "orchestrator");
    private readonly string _text = $"an order for {Guid.NewGuid():N}";
    private readonly List<DemoVolume> _volumes = [];
    private readonly Dictionary<string, long> _capacityAtStart = [];
    private DriverProcess? _driver;
    private Orchestrator _orchestrator = null!;
    private ContainerHost _host = null!;
    private DemoVolume _orders = null!;
    private DemoVolume _scratch = null!;

    public StreamChapter Stream { get; } = new(options);

    public IReadOnlyList<string> DriverLog => _driver?.LastLines ?? [];

    private string[] Pools => options.IsOrdinaryUser ? [MemoryPool] : [FilePool, MemoryPool];

    private string MainPool => Pools[0];

    /// <summary>ext4 grows while mounted only for who has CAP_SYS_RESOURCE, which some virtual machines withhold even from root.</summary>
    private string MainFileSystem => options.IsOrdinaryUser ? "" : Capabilities.Has(Capabilities.SystemResource) ? "ext4" : "xfs";

    /// <exception cref="StepFailedException">A step failed; the rest was not tried.</exception>
    public async Task RunAsync()
    {
        await log.RunAsync("driver", "start the driver on a Unix socket", StartDriverAsync);
        await log.RunAsync("containers", "find out what runs containers here", FindContainersAsync);
        if (options.IsOrdinaryUser)
            log.LeaveOut("file-pool", "volumes with a file system of their own, on image files", NeedsRoot);
        await log.RunAsync("create", "create volumes", CreateAsync);
        await log.RunAsync("publish", "stage and publish them for a container", PublishAsync);
        await log.RunAsync("stream", "run STREAM in the container, on every memory it has", RunStreamAsync);
        await log.RunAsync("record", "write a record in a first container, and destroy it", WriteRecordAsync);
        await log.RunAsync("reread", "read it back in a second container", ReadRecordAsync);
        await log.RunAsync("isolation", "try to reach it from another tenant's container", ProveIsolationAsync);
        await log.RunAsync("btree", "kill a container in the middle of its B-tree's inserts", new BTreeChapter(options, ContainerWithOrdersAsync, Data).RunAsync);
        if (options.IsOrdinaryUser)
            log.LeaveOut("snapshot", "snapshot a volume, restore it to a new one", $"pools of plain memory have no snapshots, and {NeedsRoot}");
        else
            await log.RunAsync("snapshot", "snapshot the volume, restore it to a new one", SnapshotAsync);
        await log.RunAsync("expand", "expand the volume under a running container", ExpandAsync);
        await log.RunAsync("delete", "delete everything, stop the driver", DeleteAsync);
    }

    public async ValueTask DisposeAsync()
    {
        if (_driver is not null)
            await _driver.DisposeAsync();
    }

    private async Task<string> StartDriverAsync()
    {
        Directory.CreateDirectory(_stateDirectory);
        Directory.CreateDirectory(_orchestratorDirectory);
        string program = Path.Combine(options.ProgramDirectory, "cscm");
        string[] pools =
        [
            .. Pools.Select(pool => pool == FilePool
                ? $"name={FilePool},kind=file,size={DemoOptions.PoolBytes}"
                : $"name={MemoryPool},kind=dram,size={DemoOptions.PoolBytes},hugePages=always"),
        ];
        _driver = await DriverProcess.StartAsync(program, Path.Combine(options.WorkDirectory, "csi.sock"), _stateDirectory, pools);
        _orchestrator = new Orchestrator(_driver.Channel, _orchestratorDirectory);
        foreach (string pool in Pools)
            _capacityAtStart[pool] = await _orchestrator.GetCapacityAsync(pool);
        return $"{await _orchestrator.DescribeDriverAsync()}; pools {string.Join(" and ", Pools)}, {Sizes.Format(DemoOptions.PoolBytes)} each";
    }

    private async Task<string> FindContainersAsync()
    {
        (_host, IReadOnlyList<string> refusals) = await ContainerHost.FindAsync(Path.Combine(options.WorkDirectory, "containers"), options, [Data, Fast]);
        string name = _host.Kind == RuntimeKind.Unshare ? "unshare: namespaces and a root of its own, no container runtime" : _host.RuntimeName;
        return refusals.Count == 0 ? name : $"{name} (not {string.Join("; ", refusals)})";
    }

    private async Task<string> CreateAsync()
    {
        _orders = await CreateAsync("orders", MainPool, MainFileSystem, options.VolumeBytes);
        _scratch = await CreateAsync("scratch", MemoryPool, "", options.VolumeBytes);
        DemoVolume again = await CreateAsync("orders", MainPool, MainFileSystem, options.VolumeBytes);
        if (again.Id != _orders.Id)
            throw new DemoException($"asked twice for one volume, the driver made two: {_orders.Id} and {again.Id}");
        return $"orders in pool {MainPool}, scratch in pool {MemoryPool}, {Sizes.Format(options.VolumeBytes)} each; asking twice makes one";
    }

    private async Task<string> PublishAsync()
    {
        foreach (DemoVolume volume in _volumes)
            await BringAsync(volume);
        return $"{Mounts.Describe(_orders.TargetPath)}; {Mounts.Describe(_scratch.TargetPath)}";
    }

    private async Task<string> RunStreamAsync()
    {
        await using Container container = await Container.CreateAsync(
            _host, "stream", [new ContainerMount(_orders.TargetPath, Data), new ContainerMount(_scratch.TargetPath, Fast)]);
        await Stream.MeasureAnonymousAsync(container);
        await Stream.MeasureMappedAsync(container, "memory-volume", "CSCM volume, memory pool", "the container", Fast, isDurable: false);
        if (!options.IsOrdinaryUser)
        {
            await Stream.MeasureMappedAsync(container, "file-volume", "CSCM volume, file pool", "the container", Data, isDurable: false);
            await Stream.MeasureMappedAsync(container, "file-volume-durable", "CSCM volume, file pool, synced", "a power failure", Data, isDurable: true);
        }
        if (container.LayeringRefusal is { } refusal)
            return $"layered storage is left out: {refusal}";
        await Stream.MeasureMappedAsync(container, "layered-durable", "layered storage, synced", "a power failure, not the container", ContainerImage.OwnDirectory, isDurable: true);
        double anonymous = Stream.Rows[0].Total;
        return $"of anonymous memory's speed: a volume's memory {Stream.Rows[1].Total / anonymous:P0}, layered storage made durable {Stream.Rows[^1].Total / anonymous:P0}";
    }

    private async Task<string> WriteRecordAsync()
    {
        await using Container container = await ContainerWithOrdersAsync("writer");
        await container.RunAsync("bench", "record", "--path", RecordFile, "--write", _text);
        return $"\"{_text}\"";
    }

    private async Task<string> ReadRecordAsync()
    {
        await using Container container = await ContainerWithOrdersAsync("reader");
        await ExpectRecordAsync(container);
        return "the same text, checksum right";
    }

    private async Task<string> ProveIsolationAsync()
    {
        string[] probe = ["bench", "isolation", "--path", Data, "--text", _text];
        foreach (string path in new[] { _orders.StagingPath, _orders.TargetPath, _stateDirectory, Mounts.FindDevice(_orders.StagingPath) })
            probe = path.Length == 0 ? probe : [.. probe, "--foreign", path];

        // The probe must be able to find what it looks for, or its silence would prove nothing.
        await using (Container owner = await ContainerWithOrdersAsync("owner"))
        {
            if (Figures.Read(await owner.RunAsync(probe))["text_found"] != "1")
                throw new DemoException("the probe does not find the record even in the owner's container");
        }
        DemoVolume other = await CreateAsync("other-tenant", MainPool, "", options.VolumeBytes);
        await BringAsync(other);
        await using Container stranger = await Container.CreateAsync(_host, "stranger", [new ContainerMount(other.TargetPath, Data)]);
        Dictionary<string, string> found = Figures.Read(await stranger.RunAsync(probe));
        string[] reached = [.. found.Where(pair => pair.Key != "entries" && pair.Value != "0").Select(pair => $"{pair.Key}={pair.Value}")];
        return reached.Length == 0
            ? "no record, no foreign path or mount, no block device; making one and mounting are refused"
            : throw new DemoException($"the other tenant's container reached too much: {string.Join(", ", reached)}");
    }

    private async Task<string> SnapshotAsync()
    {
        Snapshot snapshot = await _orchestrator.CreateSnapshotAsync("orders-1", _orders);
        string newer = $"{_text}, changed";
        await using (Container writer = await ContainerWithOrdersAsync("changer"))
            await writer.RunAsync("bench", "record", "--path", RecordFile, "--write", newer);
        DemoVolume restored = await CreateAsync("orders-restored", MainPool, MainFileSystem, options.VolumeBytes, snapshot.SnapshotId);
        await BringAsync(restored);
        await using (Container reader = await Container.CreateAsync(_host, "restored", [new ContainerMount(restored.TargetPath, Data)]))
            await ExpectRecordAsync(reader);
        await using (Container writer = await ContainerWithOrdersAsync("restorer"))
        {
            string now = (await writer.RunAsync("bench", "record", "--path", RecordFile))[0];
            if (now != newer)
                throw new DemoException($"after the restore, the source volume holds \"{now}\" instead of \"{newer}\"");
            await writer.RunAsync("bench", "record", "--path", RecordFile, "--write", _text);
        }
        await _orchestrator.DeleteSnapshotAsync(snapshot.SnapshotId);
        return "the copy holds the record as it was, the source its later change";
    }

    private async Task<string> ExpandAsync()
    {
        await using Container container = await ContainerWithOrdersAsync("growing");
        Process watcher = container.Start("bench", "growth", "--path", Data, "--timeout", "20");
        Task<string> errors = watcher.StandardError.ReadToEndAsync();
        string? first = await watcher.StandardOutput.ReadLineAsync();
        if (first is null)
            throw new DemoException($"the container does not see its volume: {await errors}");
        long wanted = _orders.Csi.CapacityBytes + (options.VolumeBytes / 2);
        await _orchestrator.ExpandAsync(_orders, wanted);
        string? second = await watcher.StandardOutput.ReadLineAsync();
        if (second is null)
            throw new DemoException($"the container does not see the growth: {await errors}");
        if (await container.WaitAsync() != 0)
            throw new DemoException($"the watcher in the container failed: {await errors}");
        long before = long.Parse(first.Split('=')[1]), after = long.Parse(second.Split('=')[1]);
        if (after < wanted)
            throw new DemoException($"the volume has {after} bytes in the container: {wanted} were asked for");
        await ExpectRecordAsync(container);
        return $"{Sizes.Format(before)} became {Sizes.Format(after)} while mounted; the record is still there";
    }

    private async Task<string> DeleteAsync()
    {
        foreach (DemoVolume volume in Enumerable.Reverse(_volumes))
            await _orchestrator.RemoveAsync(volume);
        await Cleanliness.WaitAsync(_orchestrator, _capacityAtStart, [_stateDirectory, _orchestratorDirectory]);
        int count = _volumes.Count;
        await _driver!.StopAsync();
        return $"{count} volumes gone, all space back, no mount, no loop device, no image file";
    }

    private async Task<DemoVolume> CreateAsync(string name, string pool, string fileSystem, long sizeBytes, string? snapshotId = null)
    {
        DemoVolume volume = await _orchestrator.CreateAsync(name, pool, fileSystem, sizeBytes, snapshotId);
        if (_volumes.All(known => known.Id != volume.Id))
            _volumes.Add(volume);
        return volume;
    }

    private async Task BringAsync(DemoVolume volume)
    {
        await _orchestrator.StageAsync(volume);
        await _orchestrator.PublishAsync(volume);
    }

    private Task<Container> ContainerWithOrdersAsync(string name) => Container.CreateAsync(_host, name, [new ContainerMount(_orders.TargetPath, Data)]);

    private async Task ExpectRecordAsync(Container container)
    {
        string text = (await container.RunAsync("bench", "record", "--path", RecordFile))[0];
        if (text != _text)
            throw new DemoException($"the record reads \"{text}\" instead of \"{_text}\"");
    }
}
