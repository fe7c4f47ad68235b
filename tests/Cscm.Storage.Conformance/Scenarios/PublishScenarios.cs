using Cscm.Storage.Proof;
using Mono.Unix.Native;

namespace Cscm.Storage.Conformance;

/// <summary>Mounts: several targets, read-only ones, groups, repetition, and what DAX promises.</summary>
internal static class PublishScenarios
{
    public static IReadOnlyList<Scenario> All { get; } =
    [
        new("stage_and_publish_can_be_repeated", Traits.None, RepeatAsync),
        new("a_read_only_target_takes_no_writes_beside_one_that_does", Traits.None, ReadOnlyAsync),
        new("a_mount_group_owns_the_root", Traits.None, GroupAsync),
        new("a_published_volume_maps_its_medium_synchronously", Traits.Dax, DaxAsync),
    ];

    private static async Task RepeatAsync(Bed bed)
    {
        VolumeInfo volume = await bed.CreateAsync();
        string target = await bed.PublishAsync(volume);
        Require.Equal(target, await bed.PublishAsync(volume));
        Require.Equal(1, bed.Manager.GetVolume(volume.Id).TargetPaths.Count);
        await bed.TakeDownAsync(volume.Id);
        await bed.Publisher.UnpublishAsync(volume.Id, target, CancellationToken.None);
        await bed.Publisher.UnstageAsync(volume.Id, bed.PathOf("stages/" + volume.Id), CancellationToken.None);
        await bed.DeleteAsync(volume);
    }

    private static async Task ReadOnlyAsync(Bed bed)
    {
        VolumeInfo volume = await bed.CreateAsync();
        string writable = await bed.PublishAsync(volume), readOnly = await bed.PublishAsync(volume, "read-only", isReadOnly: true);
        await File.WriteAllTextAsync(Path.Combine(writable, "record"), "kept");
        Require.Equal("kept", await File.ReadAllTextAsync(Path.Combine(readOnly, "record")));
        bool isWritten = true;
        try
        {
            await File.WriteAllTextAsync(Path.Combine(readOnly, "record"), "changed");
        }
        catch (IOException)
        {
            isWritten = false;
        }
        Require.That(!isWritten, "a read-only target was written to");
        await bed.DeleteAsync(volume);
    }

    private static async Task GroupAsync(Bed bed)
    {
        VolumeInfo volume = await bed.CreateAsync();
        string stage = await bed.StageAsync(volume, new MountOptions { MountGroup = "4321" });
        Require.Equal(0, Syscall.lstat(stage, out Stat status));
        const FilePermissions Wanted = FilePermissions.S_ISGID | FilePermissions.S_IRWXG;
        Require.Equal((4321u, Wanted), (status.st_gid, status.st_mode & Wanted));
        await bed.DeleteAsync(volume);
    }

    private static async Task DaxAsync(Bed bed)
    {
        VolumeInfo volume = await bed.CreateAsync(sizeBytes: Math.Max(bed.SmallBytes, 64 * Bed.MiB), settings: new VolumeSettings { Dax = DaxPolicy.Required });
        DaxProof proof = DaxProver.Prove(await bed.PublishAsync(volume));
        Require.That(proof is { IsDirect: true, HugeMappings: ProofResult.Proven }, $"{proof}");
        await bed.DeleteAsync(volume);
    }
}
