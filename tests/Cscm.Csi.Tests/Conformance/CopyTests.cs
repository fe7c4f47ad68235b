using Csi.V1;
using Grpc.Core;

namespace Cscm.Csi.Tests.Conformance;

/// <summary>CSI 1.13 on snapshots, clones, group snapshots and the metadata of snapshots.</summary>
public sealed class CopyTests(DriverFixture fixture) : DriverTests(fixture)
{
    [DriverTheory]
    [MemberData(nameof(PoolCase.Copied), MemberType = typeof(PoolCase))]
    public async Task A_restored_volume_has_the_content_of_the_moment(string kind)
    {
        PoolCase pool = PoolCase.Of(kind);
        (Volume volume, _, string target) = await CreatePublishedAsync(pool);
        Write(pool, target, seed: 1);
        Snapshot snapshot = await SnapshotAsync(volume);
        Write(pool, target, seed: 2);
        Assert.True(snapshot.ReadyToUse);
        Assert.Equal(volume.VolumeId, snapshot.SourceVolumeId);
        Assert.InRange(snapshot.CreationTime.ToDateTimeOffset(), TimeProvider.System.GetUtcNow().AddMinutes(-5), TimeProvider.System.GetUtcNow().AddMinutes(1));

        CreateVolumeRequest request = pool.Create(NewName(), snapshot.SizeBytes);
        request.VolumeContentSource = new() { Snapshot = new() { SnapshotId = snapshot.SnapshotId } };
        Volume restored = await CreateAsync(request);
        Assert.Equal(snapshot.SnapshotId, restored.ContentSource.Snapshot.SnapshotId);
        AssertContent(pool, await PublishAsync(pool, restored, await StageAsync(pool, restored)), seed: 1);
        AssertContent(pool, target, seed: 2);
    }

    [DriverTheory]
    [MemberData(nameof(PoolCase.Copied), MemberType = typeof(PoolCase))]
    public async Task A_clone_has_the_content_of_its_source_and_a_life_of_its_own(string kind)
    {
        PoolCase pool = PoolCase.Of(kind);
        (Volume volume, _, string target) = await CreatePublishedAsync(pool);
        Write(pool, target, seed: 3);
        CreateVolumeRequest request = pool.Create(NewName(), volume.CapacityBytes);
        request.VolumeContentSource = new() { Volume = new() { VolumeId = volume.VolumeId } };
        Volume clone = await CreateAsync(request);
        Assert.Equal(clone, await CreateAsync(request));
        Assert.Equal(volume.VolumeId, clone.ContentSource.Volume.VolumeId);
        string cloneTarget = await PublishAsync(pool, clone, await StageAsync(pool, clone));
        AssertContent(pool, cloneTarget, seed: 3);
        Write(pool, cloneTarget, seed: 4);
        AssertContent(pool, target, seed: 3);
    }

    [DriverTheory]
    [MemberData(nameof(PoolCase.Copied), MemberType = typeof(PoolCase))]
    public async Task A_copy_may_be_larger_but_not_smaller_than_its_source(string kind)
    {
        PoolCase pool = PoolCase.Of(kind);
        (Volume volume, _, string target) = await CreatePublishedAsync(pool);
        Write(pool, target, seed: 5);
        Snapshot snapshot = await SnapshotAsync(volume);
        CreateVolumeRequest request = pool.Create(NewName(), volume.CapacityBytes * 2);
        request.VolumeContentSource = new() { Snapshot = new() { SnapshotId = snapshot.SnapshotId } };
        Volume larger = await CreateAsync(request);
        string largerTarget = await PublishAsync(pool, larger, await StageAsync(pool, larger));
        AssertContent(pool, largerTarget, seed: 5);
        NodeGetVolumeStatsResponse stats = await Node.NodeGetVolumeStatsAsync(new NodeGetVolumeStatsRequest { VolumeId = larger.VolumeId, VolumePath = largerTarget });
        Assert.True(stats.Usage[0].Total >= volume.CapacityBytes * 2);
        request.Name = NewName();
        request.CapacityRange = new() { RequiredBytes = 1 << 20, LimitBytes = volume.CapacityBytes - (2 << 20) };
        await RefusedAsync(StatusCode.OutOfRange, Controller.CreateVolumeAsync(request));
    }

    [DriverTheory]
    [MemberData(nameof(PoolCase.Copied), MemberType = typeof(PoolCase))]
    public async Task Snapshots_are_idempotent_by_name_and_refuse_another_source(string kind)
    {
        PoolCase pool = PoolCase.Of(kind);
        Volume volume = await CreateAsync(pool);
        Volume other = await CreateAsync(pool);
        string name = NewName();
        Snapshot snapshot = await SnapshotAsync(volume, name);
        Assert.Equal(snapshot, await SnapshotAsync(volume, name));
        await RefusedAsync(StatusCode.AlreadyExists, Controller.CreateSnapshotAsync(new CreateSnapshotRequest { Name = name, SourceVolumeId = other.VolumeId }));
        Assert.Equal(snapshot, (await Controller.GetSnapshotAsync(new GetSnapshotRequest { SnapshotId = snapshot.SnapshotId })).Snapshot);
        await Controller.DeleteSnapshotAsync(new DeleteSnapshotRequest { SnapshotId = snapshot.SnapshotId });
        await Controller.DeleteSnapshotAsync(new DeleteSnapshotRequest { SnapshotId = snapshot.SnapshotId });
        await RefusedAsync(StatusCode.NotFound, Controller.GetSnapshotAsync(new GetSnapshotRequest { SnapshotId = snapshot.SnapshotId }));
    }

    [DriverTheory]
    [MemberData(nameof(PoolCase.Copied), MemberType = typeof(PoolCase))]
    public async Task A_snapshot_outlives_its_source_or_keeps_it(string kind)
    {
        PoolCase pool = PoolCase.Of(kind);
        (Volume volume, string staging, string target) = await CreatePublishedAsync(pool);
        Write(pool, target, seed: 6);
        Snapshot snapshot = await SnapshotAsync(volume);
        await UnpublishAsync(volume, target);
        await UnstageAsync(volume, staging);
        await Controller.DeleteVolumeAsync(new DeleteVolumeRequest { VolumeId = volume.VolumeId });
        CreateVolumeRequest request = pool.Create(NewName(), snapshot.SizeBytes);
        request.VolumeContentSource = new() { Snapshot = new() { SnapshotId = snapshot.SnapshotId } };
        Volume restored = await CreateAsync(request);
        AssertContent(pool, await PublishAsync(pool, restored, await StageAsync(pool, restored)), seed: 6);
    }

    [DriverFact]
    public async Task Snapshots_are_listed_by_id_by_source_and_in_pages()
    {
        PoolCase pool = PoolCase.Of("block");
        Volume volume = await CreateAsync(pool);
        Volume other = await CreateAsync(pool);
        string[] own = [(await SnapshotAsync(volume)).SnapshotId, (await SnapshotAsync(volume)).SnapshotId, (await SnapshotAsync(volume)).SnapshotId];
        string foreign = (await SnapshotAsync(other)).SnapshotId;
        Assert.Equal([own[1]], await ListAsync(new ListSnapshotsRequest { SnapshotId = own[1] }));
        Assert.Equal(own.Order(StringComparer.Ordinal), await ListAsync(new ListSnapshotsRequest { SourceVolumeId = volume.VolumeId }));
        Assert.Empty(await ListAsync(new ListSnapshotsRequest { SnapshotId = "unknown" }));
        Assert.Empty(await ListAsync(new ListSnapshotsRequest { SourceVolumeId = "unknown" }));
        Assert.Empty(await ListAsync(new ListSnapshotsRequest { SourceVolumeId = volume.VolumeId, SnapshotId = foreign }));
        ListSnapshotsResponse page = await Controller.ListSnapshotsAsync(new ListSnapshotsRequest { MaxEntries = 3 });
        Assert.Equal(3, page.Entries.Count);
        ListSnapshotsResponse rest = await Controller.ListSnapshotsAsync(new ListSnapshotsRequest { MaxEntries = 3, StartingToken = page.NextToken });
        Assert.Equal("", rest.NextToken);
        Assert.Equal(own.Append(foreign).Order(StringComparer.Ordinal), page.Entries.Concat(rest.Entries).Select(entry => entry.Snapshot.SnapshotId));
        await RefusedAsync(StatusCode.Aborted, Controller.ListSnapshotsAsync(new ListSnapshotsRequest { StartingToken = "invented" }));
    }

    [DriverFact]
    public async Task Sources_that_do_not_exist_are_not_found()
    {
        CreateVolumeRequest request = PoolCase.Of("ext4").Create(NewName());
        request.VolumeContentSource = new() { Snapshot = new() { SnapshotId = "unknown" } };
        await RefusedAsync(StatusCode.NotFound, Controller.CreateVolumeAsync(request));
        request.VolumeContentSource = new() { Volume = new() { VolumeId = "unknown" } };
        await RefusedAsync(StatusCode.NotFound, Controller.CreateVolumeAsync(request));
    }

    [DriverFact]
    public async Task Plain_memory_refuses_copies_with_a_reason()
    {
        Volume volume = await CreateAsync(PoolCase.Of("dram"));
        var refusal = await Assert.ThrowsAsync<RpcException>(
            () => Controller.CreateSnapshotAsync(new CreateSnapshotRequest { Name = NewName(), SourceVolumeId = volume.VolumeId }).ResponseAsync);
        Assert.Contains(refusal.StatusCode, (StatusCode[])[StatusCode.FailedPrecondition, StatusCode.InvalidArgument, StatusCode.Unimplemented]);
        Assert.Contains("dram", refusal.Status.Detail, StringComparison.Ordinal);
    }

    [DriverTheory]
    [MemberData(nameof(PoolCase.Copied), MemberType = typeof(PoolCase))]
    public async Task A_group_holds_one_moment_of_several_volumes(string kind)
    {
        PoolCase pool = PoolCase.Of(kind);
        (Volume first, _, string firstTarget) = await CreatePublishedAsync(pool);
        (Volume second, _, string secondTarget) = await CreatePublishedAsync(pool);
        Write(pool, firstTarget, seed: 7);
        Write(pool, secondTarget, seed: 8);
        var request = new CreateVolumeGroupSnapshotRequest { Name = NewName(), SourceVolumeIds = { first.VolumeId, second.VolumeId } };
        VolumeGroupSnapshot group = await GroupSnapshotAsync(request);
        Assert.Equal(group, await GroupSnapshotAsync(request));
        Assert.True(group.ReadyToUse);
        Assert.Equal(new[] { first.VolumeId, second.VolumeId }.Order(StringComparer.Ordinal), group.Snapshots.Select(snapshot => snapshot.SourceVolumeId).Order(StringComparer.Ordinal));
        Assert.All(group.Snapshots, snapshot => Assert.Equal(group.GroupSnapshotId, snapshot.GroupSnapshotId));
        Write(pool, firstTarget, seed: 9);

        Snapshot ofFirst = group.Snapshots.Single(snapshot => snapshot.SourceVolumeId == first.VolumeId);
        CreateVolumeRequest restore = pool.Create(NewName(), ofFirst.SizeBytes);
        restore.VolumeContentSource = new() { Snapshot = new() { SnapshotId = ofFirst.SnapshotId } };
        Volume restored = await CreateAsync(restore);
        AssertContent(pool, await PublishAsync(pool, restored, await StageAsync(pool, restored)), seed: 7);

        var get = new GetVolumeGroupSnapshotRequest { GroupSnapshotId = group.GroupSnapshotId, SnapshotIds = { group.Snapshots.Select(snapshot => snapshot.SnapshotId) } };
        Assert.Equal(group, (await Driver.Client.Group.GetVolumeGroupSnapshotAsync(get)).GroupSnapshot);
        get.SnapshotIds.Add("another");
        await RefusedAsync(StatusCode.InvalidArgument, Driver.Client.Group.GetVolumeGroupSnapshotAsync(get));
        var single = await Assert.ThrowsAsync<RpcException>(() => Controller.DeleteSnapshotAsync(new DeleteSnapshotRequest { SnapshotId = ofFirst.SnapshotId }).ResponseAsync);
        Assert.Contains(single.StatusCode, (StatusCode[])[StatusCode.InvalidArgument, StatusCode.FailedPrecondition]);

        var delete = new DeleteVolumeGroupSnapshotRequest { GroupSnapshotId = group.GroupSnapshotId, SnapshotIds = { group.Snapshots.Select(snapshot => snapshot.SnapshotId) } };
        await Driver.Client.Group.DeleteVolumeGroupSnapshotAsync(delete);
        await Driver.Client.Group.DeleteVolumeGroupSnapshotAsync(delete);
        await RefusedAsync(StatusCode.NotFound, Controller.GetSnapshotAsync(new GetSnapshotRequest { SnapshotId = ofFirst.SnapshotId }));
    }

    [DriverFact]
    public async Task A_group_of_a_volume_that_does_not_exist_makes_nothing()
    {
        Volume volume = await CreateAsync(PoolCase.Of("block"));
        await RefusedAsync(StatusCode.NotFound, Driver.Client.Group.CreateVolumeGroupSnapshotAsync(
            new CreateVolumeGroupSnapshotRequest { Name = NewName(), SourceVolumeIds = { volume.VolumeId, "unknown" } }));
        Assert.Empty(await ListAsync(new ListSnapshotsRequest { SourceVolumeId = volume.VolumeId }));
    }

    [DriverFact]
    public async Task Metadata_names_the_blocks_that_hold_data_and_those_that_changed()
    {
        PoolCase pool = PoolCase.Of("block");
        (Volume volume, _, string target) = await CreatePublishedAsync(pool);
        WriteAt(target, 0, 1);
        WriteAt(target, 8 << 20, 2);
        Snapshot before = await SnapshotAsync(volume);
        WriteAt(target, 8 << 20, 3);
        WriteAt(target, 12 << 20, 4);
        Snapshot after = await SnapshotAsync(volume);

        IReadOnlyList<BlockMetadata> allocated = await ReadAsync(Driver.Client.Metadata.GetMetadataAllocated(
            new GetMetadataAllocatedRequest { SnapshotId = after.SnapshotId }).ResponseStream, message => message.BlockMetadata);
        Assert.All((long[])[0, 8 << 20, 12 << 20], offset => Assert.True(Covers(allocated, offset), $"{offset} holds data"));
        AssertAscending(allocated, volume.CapacityBytes);

        IReadOnlyList<BlockMetadata> changed = await ReadAsync(Driver.Client.Metadata.GetMetadataDelta(
            new GetMetadataDeltaRequest { BaseSnapshotId = before.SnapshotId, TargetSnapshotId = after.SnapshotId, MaxResults = 1 }).ResponseStream, message =>
            {
                Assert.InRange(message.BlockMetadata.Count, 1, 1);
                Assert.Equal(volume.CapacityBytes, message.VolumeCapacityBytes);
                return message.BlockMetadata;
            });
        Assert.True(Covers(changed, 8 << 20) && Covers(changed, 12 << 20));
        Assert.False(Covers(changed, 0), "the first block did not change");
        AssertAscending(changed, volume.CapacityBytes);

        IReadOnlyList<BlockMetadata> rest = await ReadAsync(Driver.Client.Metadata.GetMetadataDelta(
            new GetMetadataDeltaRequest { BaseSnapshotId = before.SnapshotId, TargetSnapshotId = after.SnapshotId, StartingOffset = 10 << 20 }).ResponseStream, message => message.BlockMetadata);
        Assert.False(Covers(rest, 8 << 20));
        Assert.True(Covers(rest, 12 << 20));

        AsyncServerStreamingCall<GetMetadataAllocatedResponse> beyond = Driver.Client.Metadata.GetMetadataAllocated(
            new GetMetadataAllocatedRequest { SnapshotId = after.SnapshotId, StartingOffset = volume.CapacityBytes * 2 });
        Assert.Equal(StatusCode.OutOfRange, (await Assert.ThrowsAsync<RpcException>(() => beyond.ResponseStream.MoveNext(CancellationToken.None))).StatusCode);
        AsyncServerStreamingCall<GetMetadataAllocatedResponse> unknown = Driver.Client.Metadata.GetMetadataAllocated(new GetMetadataAllocatedRequest { SnapshotId = "unknown" });
        Assert.Equal(StatusCode.NotFound, (await Assert.ThrowsAsync<RpcException>(() => unknown.ResponseStream.MoveNext(CancellationToken.None))).StatusCode);
    }

    private static bool Covers(IEnumerable<BlockMetadata> blocks, long offset)
        => blocks.Any(block => block.ByteOffset <= offset && offset < block.ByteOffset + block.SizeBytes);

    private static void AssertAscending(IReadOnlyList<BlockMetadata> blocks, long capacityBytes)
    {
        long end = 0;
        foreach (BlockMetadata block in blocks)
        {
            Assert.True(block.ByteOffset >= end && block.SizeBytes > 0);
            end = block.ByteOffset + block.SizeBytes;
        }
        Assert.True(end <= capacityBytes);
    }

    private static async Task<IReadOnlyList<BlockMetadata>> ReadAsync<T>(IAsyncStreamReader<T> stream, Func<T, IEnumerable<BlockMetadata>> select)
    {
        var blocks = new List<BlockMetadata>();
        while (await stream.MoveNext(CancellationToken.None))
            blocks.AddRange(select(stream.Current));
        return blocks;
    }

    private static void WriteAt(string device, long offset, byte value)
    {
        using var stream = new FileStream(device, FileMode.Open, FileAccess.Write);
        stream.Position = offset;
        stream.Write([.. Enumerable.Repeat(value, 64 << 10)]);
        stream.Flush(flushToDisk: true);
    }

    private async Task<IReadOnlyList<string>> ListAsync(ListSnapshotsRequest request)
        => [.. (await Controller.ListSnapshotsAsync(request)).Entries.Select(entry => entry.Snapshot.SnapshotId)];
}
