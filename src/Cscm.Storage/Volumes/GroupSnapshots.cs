using Cscm.Storage.Pools;
using Cscm.Storage.State;

namespace Cscm.Storage.Volumes;

/// <summary>Snapshots of several volumes at one moment: all frozen before the first is copied, and recorded as one object.</summary>
internal sealed class GroupSnapshots(Catalog catalog, Freezer freezer, VolumeRemover remover)
{
    private RecordTable<GroupRecord> Table => catalog.State.Groups;

    public async Task<GroupSnapshotInfo> CreateAsync(string name, IReadOnlyList<string> sourceVolumeIds, CancellationToken cancellationToken)
    {
        if (name.Length == 0)
            throw new StorageException(StorageErrorKind.InvalidArgument, "a group snapshot needs a name");
        if (sourceVolumeIds.Count == 0 || sourceVolumeIds.Distinct(StringComparer.Ordinal).Count() != sourceVolumeIds.Count)
            throw new StorageException(StorageErrorKind.InvalidArgument, "a group snapshot needs one or more source volumes, each named once");
        string id = ObjectIds.Group(name), key = ObjectIds.KeyOf(id);
        using IDisposable hold = catalog.InFlight.Enter([key, .. sourceVolumeIds.Select(ObjectIds.KeyOf)]);
        GroupRecord? existing = Table.Find(key);
        if (existing is { Phase: RecordPhase.Ready })
        {
            return existing.Snapshots.Select(member => member.SourceVolumeId).ToHashSet(StringComparer.Ordinal).SetEquals(sourceVolumeIds)
                ? View(existing)
                : throw new StorageException(StorageErrorKind.AlreadyExists, $"a group snapshot named {name} exists, of other volumes: choose another name, or delete group {existing.Id}");
        }
        if (existing is not null)
            Remove(existing);

        VolumeRecord[] sources = [.. sourceVolumeIds.Select(catalog.RequireVolume)];
        ISnapshotPool[] pools = [.. sources.Select(source => Snapshots.RequireCopying(catalog, source.Pool, source.Id))];
        DateTimeOffset now = catalog.Time.GetUtcNow();
        var group = new GroupRecord
        {
            Id = id,
            Name = name,
            Phase = RecordPhase.Creating,
            CreatedAt = now,
            Snapshots = [.. sources.Select(source => Snapshots.Plan(source, ObjectIds.GroupMember(name, source.Id), name, now))],
        };
        try
        {
            for (int i = 0; i < pools.Length; i++)
                Snapshots.Charge(pools[i], group.Snapshots[i]);
            Table.Create(key, group);
        }
        catch
        {
            for (int i = 0; i < pools.Length; i++)
                pools[i].Ledger.Release(ObjectIds.KeyOf(group.Snapshots[i].Id));
            throw;
        }
        try
        {
            using (freezer.Freeze(sources))
                await Task.Run(() => CopyAll(pools, group, cancellationToken), cancellationToken);
            group = group with
            {
                Phase = RecordPhase.Ready,
                Snapshots = [.. group.Snapshots.Select(member => member with { Phase = RecordPhase.Ready })],
            };
            Table.Write(key, group);
            return View(group);
        }
        catch
        {
            Undo(group);
            throw;
        }
    }

    public void Delete(string groupId, IReadOnlyList<string> snapshotIds)
    {
        string key = ObjectIds.KeyOf(groupId);
        using IDisposable hold = catalog.InFlight.Enter(key);
        GroupRecord? group = Table.Find(key);
        if (group is null || group.Id != groupId)
            return;
        if (!group.Snapshots.Select(member => member.Id).ToHashSet(StringComparer.Ordinal).SetEquals(snapshotIds))
            throw new StorageException(StorageErrorKind.InvalidArgument, $"the given snapshots are not those of group {groupId}: name all of them and no other");
        using IDisposable members = catalog.InFlight.Enter([.. group.Snapshots.Select(member => ObjectIds.KeyOf(member.Id))]);
        if (group.Phase != RecordPhase.Deleting)
        {
            foreach (SnapshotRecord member in group.Snapshots)
                catalog.PoolOf(member.Pool, member.Id).RequireRemovable(ObjectIds.KeyOf(member.Id));
            group = group with { Phase = RecordPhase.Deleting };
            Table.Write(key, group);
        }
        Remove(group);
    }

    public GroupSnapshotInfo Get(string groupId)
        => Table.Find(ObjectIds.KeyOf(groupId)) is { Phase: RecordPhase.Ready } group && group.Id == groupId
            ? View(group)
            : throw new StorageException(StorageErrorKind.NotFound, $"group snapshot {groupId} does not exist");

    /// <summary>Removes a group whose record says Creating or Deleting.</summary>
    public void Remove(GroupRecord group)
    {
        foreach (SnapshotRecord member in group.Snapshots)
            remover.RemoveImage(member);
        Table.Delete(ObjectIds.KeyOf(group.Id));
    }

    private static void CopyAll(ISnapshotPool[] pools, GroupRecord group, CancellationToken cancellationToken)
    {
        // Those that choose their moment themselves first: all others stand still in it.
        foreach (var copies in pools.Zip(group.Snapshots).GroupBy(pair => pair.First, pair => pair.Second).OrderByDescending(copies => copies.Key.HoldsVolumesStill))
            copies.Key.CopyTogether([.. copies.Select(member => (ObjectIds.KeyOf(member.SourceVolumeId), ObjectIds.KeyOf(member.Id)))], cancellationToken);
    }

    private static GroupSnapshotInfo View(GroupRecord group) => new()
    {
        Id = group.Id,
        Name = group.Name,
        CreatedAt = group.CreatedAt,
        Snapshots = [.. group.Snapshots.Select(member => Snapshots.View(member, group.Id))],
    };

    private void Undo(GroupRecord group)
    {
        try
        {
            Remove(group);
        }
        catch (Exception e) when (e is StorageException or IOException or UnauthorizedAccessException)
        {
            catalog.Log($"group snapshot {group.Id} could not be removed after a failed call, and will be by the next or at the next start: {e.Message}");
        }
    }
}
