namespace Cscm.Storage.Conformance;

/// <summary>What pools whose volumes share a file system owe their tenants: nothing that one does there reaches another, or the driver.</summary>
internal static class SharedFileSystemScenarios
{
    private const string Sentinel = "not the tenant's";

    public static IReadOnlyList<Scenario> All { get; } =
    [
        new("links_that_a_tenant_planted_lead_nowhere", Traits.SharedFileSystem, PlantedLinksAsync),
        new("a_copy_keeps_links_modes_owners_attributes_holes_and_names", Traits.SharedFileSystem, FaithfulCopyAsync),
        new("a_tree_of_any_depth_is_removed", Traits.SharedFileSystem, DeepTreeAsync),
        new("two_containers_neither_see_nor_exceed_nor_starve_each_other", Traits.SharedFileSystem, ContainersAsync),
        new("a_tenant_that_leaves_its_quota_is_found", Traits.SharedFileSystem, EvasionAsync),
        new("shared_blocks_are_erased_by_their_last_owner", Traits.SharedFileSystem, LastOwnerAsync),
        new("mount_options_that_would_be_everybodys_are_refused", Traits.SharedFileSystem, OptionsAsync),
    ];

    private static async Task PlantedLinksAsync(Bed bed)
    {
        string outside = bed.PathOf("outside");
        Directory.CreateDirectory(outside);
        await File.WriteAllTextAsync(Path.Combine(outside, "file"), Sentinel);
        VolumeInfo volume = await bed.CreateAsync();
        string target = await bed.PublishAsync(volume);
        Directory.CreateSymbolicLink(Path.Combine(target, "directory"), outside);
        File.CreateSymbolicLink(Path.Combine(target, "file"), Path.Combine(outside, "file"));
        Directory.CreateSymbolicLink(Path.Combine(target, "up"), "../..");
        Directory.CreateSymbolicLink(Path.Combine(target, "~0"), outside);

        VolumeInfo clone = await bed.CreateAsync(source: new ContentSource(ContentSourceKind.Volume, volume.Id));
        string cloned = await bed.PublishAsync(clone);
        Require.Equal(outside, new FileInfo(Path.Combine(cloned, "directory")).LinkTarget!);
        Require.Equal(4, Directory.GetFileSystemEntries(cloned).Length);
        await bed.DeleteAsync(clone);
        await bed.DeleteAsync(volume);
        await bed.SettleAsync();
        Require.Equal(Sentinel, await File.ReadAllTextAsync(Path.Combine(outside, "file")));
    }

    private static async Task FaithfulCopyAsync(Bed bed)
    {
        VolumeInfo volume = await bed.CreateAsync(sizeBytes: 64 * Bed.MiB);
        string target = await bed.PublishAsync(volume);
        // "\302" alone is no UTF-8: names are bytes.
        await Tool.MustRunAsync("bash", "-euc", """
            cd "$1"; mkdir -m 2750 directory; echo text >directory/file; chmod 4711 directory/file; chown 123:456 directory/file
            ln directory/file second; ln -s nowhere link; mkfifo -m 600 fifo; : >$'odd\302name'
            truncate -s 16M sparse; printf x | dd of=sparse bs=1 seek=12M conv=notrunc status=none
            touch -d '2001-02-03 04:05:06' directory/file; chown -h 7:8 link
            """, "bash", target);
        const string Describe = """cd "$1"; find . -mindepth 1 -printf '%p %y %m %U %G %n %s %l\n' | sort; stat -c %Y directory/file; md5sum directory/file sparse; du -k sparse | cut -f1; ls -i directory/file second | cut -d' ' -f1 | uniq | wc -l""";
        VolumeInfo clone = await bed.CreateAsync(source: new ContentSource(ContentSourceKind.Volume, volume.Id), sizeBytes: 64 * Bed.MiB);
        string expected = await Tool.MustRunAsync("bash", "-euc", Describe, "bash", target);
        Require.Equal(expected, await Tool.MustRunAsync("bash", "-euc", Describe, "bash", await bed.PublishAsync(clone)));
        await bed.DeleteAsync(clone);
        await bed.DeleteAsync(volume);
    }

    private static async Task DeepTreeAsync(Bed bed)
    {
        VolumeInfo volume = await bed.CreateAsync();
        string target = await bed.PublishAsync(volume);
        // Deeper than a path can name.
        await Tool.MustRunAsync("bash", "-euc", """cd "$1"; path=$(printf 'level-of-a-deep-tree/%.0s' $(seq 190)); for _ in 1 2 3; do mkdir -p "$path"; cd "$path"; : >file; done""", "bash", target);
        await bed.DeleteAsync(volume);
        await bed.SettleAsync();
    }

    private static async Task ContainersAsync(Bed bed)
    {
        VolumeInfo[] volumes = [await bed.CreateAsync(sizeBytes: 32 * Bed.MiB), await bed.CreateAsync(sizeBytes: 32 * Bed.MiB)];
        string[] targets = [await bed.PublishAsync(volumes[0]), await bed.PublishAsync(volumes[1])];
        // Both at once fill what they have, then say what they see. Only busybox is in there.
        string[] said = await Task.WhenAll(Enumerable.Range(0, 2).Select(i => Container.RunAsync(bed.PathOf($"bundle{i}"), targets[i], $"""
            echo tenant{i} >/volume/name
            dd if=/dev/zero of=/volume/all bs=1M count=100 2>/dev/null && echo EXCEEDED
            echo files $(ls /volume); echo name $(cat /volume/name); echo size $(stat -c %s /volume/all); echo mounts $(grep -c ' /volume ' /proc/mounts)
            grep -q {volumes[1 - i].Id} /proc/mounts /proc/self/mountinfo && echo SEEN
            ls /volume/../content /volume/../../content 2>/dev/null && echo ESCAPED
            true
            """)));
        for (int i = 0; i < 2; i++)
        {
            Require.That(!said[i].Contains("EXCEEDED", StringComparison.Ordinal) && !said[i].Contains("SEEN", StringComparison.Ordinal) && !said[i].Contains("ESCAPED", StringComparison.Ordinal), said[i]);
            Require.That(said[i].Contains($"name tenant{i}\n", StringComparison.Ordinal) && said[i].Contains("files all name\n", StringComparison.Ordinal), said[i]);
            long sizeBytes = long.Parse(said[i].Split("size ")[1].Split('\n')[0]);
            Require.That(sizeBytes >= 30 * Bed.MiB && sizeBytes <= volumes[i].BackingBytes, $"tenant {i} got {sizeBytes} bytes of {volumes[i].CapacityBytes}");
        }
        await bed.DeleteAsync(volumes[0]);
        await bed.DeleteAsync(volumes[1]);
    }

    private static async Task EvasionAsync(Bed bed)
    {
        VolumeInfo volume = await bed.CreateAsync();
        string target = await bed.PublishAsync(volume);
        await Tool.MustRunAsync("dd", "if=/dev/zero", $"of={target}/file", "bs=1M", "count=4", "status=none");
        Require.Equal(0, bed.Manager.GetPoolHealth().Count);
        await Tool.MustRunAsync("xfs_io", "-c", "chproj 0", Path.Combine(target, "file"));
        Require.That(bed.Manager.GetPoolHealth().Any(finding => finding.Reason == "QuotaEvaded"), "nobody noticed");
        await bed.DeleteAsync(volume);
        await bed.SettleAsync();
        // The kernel takes its time over the last of them.
        for (int attempt = 0; attempt < 100 && bed.Manager.GetPoolHealth().Count > 0; attempt++)
            await Task.Delay(50);
    }

    /// <summary>The medium itself is searched: what nobody owns any more is not there; what a snapshot still has is.</summary>
    private static async Task LastOwnerAsync(Bed bed)
    {
        VolumeInfo volume = await bed.CreateAsync();
        Pattern.Write(Path.Combine(await bed.PublishAsync(volume), "secret"), bed.SmallBytes / 2);
        SnapshotInfo snapshot = await bed.Manager.CreateSnapshotAsync(bed.NewName(), volume.Id, CancellationToken.None);
        await bed.DeleteAsync(volume);
        await bed.SettleAsync();
        Require.That(Pattern.IsOnMedium(bed.Medium), "the snapshot's content is gone from the medium with its volume's");
        await bed.Manager.DeleteSnapshotAsync(snapshot.Id, CancellationToken.None);
        await bed.SettleAsync();
        Require.That(!Pattern.IsOnMedium(bed.Medium), "the medium still holds what its last owner deleted");
    }

    private static async Task OptionsAsync(Bed bed)
    {
        VolumeInfo volume = await bed.CreateAsync();
        foreach (string flag in new[] { "discard", "suid", "dev" })
            await Require.RefusedAsync(StorageErrorKind.InvalidArgument, () => bed.StageAsync(volume, new MountOptions { Flags = [flag] }));
        await bed.StageAsync(volume, new MountOptions { Flags = ["noatime", "noexec"] });
        await bed.DeleteAsync(volume);
    }
}
