using System.Security.Cryptography;
using Csi.V1;
using Cscm.Csi.Tests.Driver;
using Grpc.Core;
using Mode = Csi.V1.VolumeCapability.Types.AccessMode.Types.Mode;

namespace Cscm.Csi.Tests.Conformance;

/// <summary>What the conformance tests share: the calls of an orchestrator, volumes that go away after the test, and their content.</summary>
public abstract class DriverTests(DriverFixture fixture) : IClassFixture<DriverFixture>, IAsyncLifetime
{
    private readonly List<string> _snapshots = [];
    private readonly List<string> _groups = [];
    private readonly List<string> _volumes = [];
    private readonly List<(string VolumeId, string Path)> _staged = [];
    private readonly List<(string VolumeId, string Path)> _published = [];
    private string? _directory;

    protected DriverProcess Driver => fixture.Driver;
    protected global::Csi.V1.Controller.ControllerClient Controller => Driver.Client.Controller;
    protected global::Csi.V1.Node.NodeClient Node => Driver.Client.Node;

    /// <summary>A directory of this test's own.</summary>
    protected string Scratch => _directory ??= Directory.CreateTempSubdirectory("cscm-test-").FullName;

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        foreach ((string volumeId, string path) in Enumerable.Reverse(_published))
            await Node.NodeUnpublishVolumeAsync(new NodeUnpublishVolumeRequest { VolumeId = volumeId, TargetPath = path });
        foreach ((string volumeId, string path) in Enumerable.Reverse(_staged))
            await Node.NodeUnstageVolumeAsync(new NodeUnstageVolumeRequest { VolumeId = volumeId, StagingTargetPath = path });
        foreach (string group in _groups)
            await Driver.Client.Group.DeleteVolumeGroupSnapshotAsync(new DeleteVolumeGroupSnapshotRequest { GroupSnapshotId = group });
        foreach (string snapshot in _snapshots)
            await Controller.DeleteSnapshotAsync(new DeleteSnapshotRequest { SnapshotId = snapshot });
        foreach (string volume in Enumerable.Reverse(_volumes))
            await Controller.DeleteVolumeAsync(new DeleteVolumeRequest { VolumeId = volume });
        if (_directory is not null)
            Leftovers.Remove(_directory);
    }

    protected static string NewName() => $"pvc-{Guid.NewGuid():N}";

    protected Task<Volume> CreateAsync(PoolCase pool, long requiredBytes = PoolCase.SizeBytes) => CreateAsync(pool.Create(NewName(), requiredBytes));

    protected async Task<Volume> CreateAsync(CreateVolumeRequest request)
    {
        Volume volume = (await Controller.CreateVolumeAsync(request)).Volume;
        _volumes.Add(volume.VolumeId);
        return volume;
    }

    protected string NewStagingPath(Volume volume)
    {
        string path = Path.Combine(Scratch, "staging-" + volume.VolumeId);
        Directory.CreateDirectory(path);
        return path;
    }

    protected string NewTargetPath(string name = "target") => Path.Combine(Scratch, $"{name}-{Guid.NewGuid():N}");

    protected async Task<string> StageAsync(PoolCase pool, Volume volume, Action<VolumeCapability>? change = null)
    {
        NodeStageVolumeRequest request = StageRequest(pool, volume);
        change?.Invoke(request.VolumeCapability);
        _staged.Add((volume.VolumeId, request.StagingTargetPath));
        await Node.NodeStageVolumeAsync(request);
        return request.StagingTargetPath;
    }

    protected NodeStageVolumeRequest StageRequest(PoolCase pool, Volume volume) => new()
    {
        VolumeId = volume.VolumeId,
        StagingTargetPath = NewStagingPath(volume),
        VolumeCapability = pool.Capability(),
        VolumeContext = { volume.VolumeContext },
    };

    protected NodePublishVolumeRequest PublishRequest(PoolCase pool, Volume volume, string staging, string? target = null) => new()
    {
        VolumeId = volume.VolumeId,
        StagingTargetPath = staging,
        TargetPath = target ?? NewTargetPath(),
        VolumeCapability = pool.Capability(),
        VolumeContext = { volume.VolumeContext },
    };

    protected Task<string> PublishAsync(PoolCase pool, Volume volume, string staging, bool isReadOnly = false)
    {
        NodePublishVolumeRequest request = PublishRequest(pool, volume, staging);
        request.Readonly = isReadOnly;
        return PublishAsync(request);
    }

    protected async Task<string> PublishAsync(NodePublishVolumeRequest request)
    {
        _published.Add((request.VolumeId, request.TargetPath));
        await Node.NodePublishVolumeAsync(request);
        return request.TargetPath;
    }

    protected async Task<(Volume Volume, string Staging, string Target)> CreatePublishedAsync(PoolCase pool, long requiredBytes = PoolCase.SizeBytes)
    {
        Volume volume = await CreateAsync(pool, requiredBytes);
        string staging = await StageAsync(pool, volume);
        return (volume, staging, await PublishAsync(pool, volume, staging));
    }

    protected async Task UnpublishAsync(Volume volume, string target)
        => await Node.NodeUnpublishVolumeAsync(new NodeUnpublishVolumeRequest { VolumeId = volume.VolumeId, TargetPath = target });

    protected async Task UnstageAsync(Volume volume, string staging)
        => await Node.NodeUnstageVolumeAsync(new NodeUnstageVolumeRequest { VolumeId = volume.VolumeId, StagingTargetPath = staging });

    protected async Task<Snapshot> SnapshotAsync(Volume volume, string? name = null)
    {
        Snapshot snapshot = (await Controller.CreateSnapshotAsync(new CreateSnapshotRequest { Name = name ?? NewName(), SourceVolumeId = volume.VolumeId })).Snapshot;
        _snapshots.Add(snapshot.SnapshotId);
        return snapshot;
    }

    protected async Task<VolumeGroupSnapshot> GroupSnapshotAsync(CreateVolumeGroupSnapshotRequest request)
    {
        VolumeGroupSnapshot group = (await Driver.Client.Group.CreateVolumeGroupSnapshotAsync(request)).GroupSnapshot;
        _groups.Add(group.GroupSnapshotId);
        return group;
    }

    /// <summary>Writes pseudo-random content to a published volume, durably: a file, or the start of the device.</summary>
    protected static void Write(PoolCase pool, string target, int seed, int sizeBytes = 3 << 20)
    {
        using var stream = new FileStream(ContentPath(pool, target), pool.IsBlock ? FileMode.Open : FileMode.Create, FileAccess.Write);
        stream.Write(Content(seed, sizeBytes));
        stream.Flush(flushToDisk: true);
    }

    protected static void AssertContent(PoolCase pool, string target, int seed, int sizeBytes = 3 << 20)
    {
        var read = new byte[sizeBytes];
        using FileStream stream = File.OpenRead(ContentPath(pool, target));
        stream.ReadExactly(read);
        Assert.Equal(Convert.ToHexString(SHA256.HashData(Content(seed, sizeBytes))), Convert.ToHexString(SHA256.HashData(read)));
    }

    protected static string ContentPath(PoolCase pool, string target) => pool.IsBlock ? target : Path.Combine(target, "content");

    /// <summary>Asserts the code that the specification names, and that the message says something to a person.</summary>
    protected static async Task RefusedAsync<T>(StatusCode code, AsyncUnaryCall<T> call, string message = "")
    {
        var refusal = await Assert.ThrowsAsync<RpcException>(() => call.ResponseAsync);
        Assert.True(code == refusal.StatusCode, $"expected {code}, got {refusal.Status}");
        Assert.Contains(message, refusal.Status.Detail, StringComparison.Ordinal);
        Assert.True(refusal.Status.Detail.Length > 20, $"'{refusal.Status.Detail}' tells a person little");
    }

    /// <summary>The size of a block device: a stream does not tell it.</summary>
    protected static long DeviceSizeBytes(string device) => long.Parse(Leftovers.Run("blockdev", "--getsize64", device));

    protected async Task<IReadOnlyList<string>> ListVolumeIdsAsync()
        => [.. (await Controller.ListVolumesAsync(new ListVolumesRequest())).Entries.Select(entry => entry.Volume.VolumeId)];

    protected static Mode[] SupportedModes { get; } =
        [Mode.SingleNodeWriter, Mode.SingleNodeReaderOnly, Mode.SingleNodeSingleWriter, Mode.SingleNodeMultiWriter];

    private static byte[] Content(int seed, int sizeBytes)
    {
        var content = new byte[sizeBytes];
        new Random(seed).NextBytes(content);
        return content;
    }
}
