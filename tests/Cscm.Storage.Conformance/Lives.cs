using Cscm.Storage.Proof;

namespace Cscm.Storage.Conformance;

/// <summary>
/// A long random run of creations, growths and removals over one pool, between half and nine tenths full, where fragments hurt. On the way and
/// at the end it holds the pool to what docs/decisions/0039 says: the largest volume that is offered can be made and filled and none larger,
/// volumes lie in few pieces, new ones are still mapped by 2 MiB, and when all is gone all space is there again, in one piece.
/// </summary>
internal static class Lives
{
    private const long GranuleBytes = 2 * Bed.MiB, SectorBytes = 512;

    /// <summary>The smallest XFS, with room for a probe.</summary>
    private const long XfsVolumeBytes = 320 * Bed.MiB;

    public static async Task<int> RunAsync(PoolOptions pool, string root, int seed, int acts)
    {
        await Console.Out.WriteLineAsync($"seed={seed} acts={acts}");
        await using Bed bed = await Bed.OpenAsync(pool, root);
        await bed.SettleAsync();
        PoolCapacity before = bed.Pool.Capacity;
        var random = new Random(seed);
        var volumes = new List<VolumeInfo>();
        int made = 0, grown = 0, removed = 0, refused = 0, newPieces = 0, grownPieces = 0;
        LvmLayout? layout = await ReadLayoutAsync();
        for (int act = 1; act <= acts; act++)
        {
            long freeBytes = bed.Pool.Capacity.AvailableBytes;
            int choice = freeBytes < before.AvailableBytes / 10 ? 2 : freeBytes > before.AvailableBytes / 2 ? 0 : random.Next(3);
            if (choice == 0 || volumes.Count == 0)
            {
                if (bed.Pool.Capacity.MaximumVolumeBytes >= bed.SmallBytes)
                {
                    volumes.Add(await MakeAsync(bed, Math.Min(bed.Pool.Capacity.MaximumVolumeBytes, bed.SmallBytes + (random.Next(48) * GranuleBytes))));
                    made++;
                    newPieces += await RequirePolicyAsync();
                }
            }
            else if (choice == 1)
            {
                bool hasGrown = await TryGrowAsync(bed, volumes[random.Next(volumes.Count)]);
                (grown, refused) = hasGrown ? (grown + 1, refused) : (grown, refused + 1);
                if (hasGrown)
                    grownPieces += await RequirePolicyAsync();
            }
            else
            {
                VolumeInfo gone = volumes[random.Next(volumes.Count)];
                volumes.Remove(gone);
                await bed.DeleteAsync(gone);
                await bed.SettleAsync();
                layout = await ReadLayoutAsync();
                removed++;
            }
            if (act == acts / 2 || act == acts)
                await RequireTrueOfferAsync(bed, $"after {act} acts");
        }
        int pieces = layout?.Pieces ?? volumes.Count;
        PoolCapacity full = bed.Pool.Capacity;
        await Console.Out.WriteLineAsync(
            $"made={made} grown={grown} refused={refused} removed={removed} left={volumes.Count} available_bytes={full.AvailableBytes} largest_bytes={full.MaximumVolumeBytes} pieces={pieces} new_pieces={newPieces} grown_pieces={grownPieces}");
        // What all had to be given in all their lives, those that are gone included.
        Require.That(pool.Kind != PoolKind.Lvm || pieces <= newPieces + grownPieces, $"{pieces} pieces, and {newPieces} + {grownPieces} were added");
        // Of what is free in between, an XFS that is proven.
        foreach (VolumeInfo gone in volumes.Where((_, index) => index % 2 == 0))
            await bed.DeleteAsync(gone);
        for (int index = 1; bed.Pool.Capacity.MaximumVolumeBytes < XfsVolumeBytes && index < volumes.Count; index += 2)
        {
            await bed.DeleteAsync(volumes[index]);
            await bed.SettleAsync();
        }
        await bed.SettleAsync();
        VolumeInfo proven = await bed.Manager.CreateVolumeAsync(
            new VolumeSpec { Name = bed.NewName(), Pool = pool.Name, FileSystem = "xfs", Size = new SizeRange(XfsVolumeBytes, 0) }, CancellationToken.None);
        RequireHuge(await bed.PublishAsync(proven));
        await bed.CleanUpAsync();
        Require.Equal(before, bed.Pool.Capacity);
        await Console.Out.WriteLineAsync("whole again");
        return 0;

        async Task<LvmLayout?> ReadLayoutAsync() => pool.Kind == PoolKind.Lvm ? await LvmLayout.ReadAsync() : null;

        async Task<int> RequirePolicyAsync()
        {
            (LvmLayout? before, layout) = (layout, await ReadLayoutAsync());
            return before?.RequirePolicy(layout!) ?? 0;
        }
    }

    /// <summary>Makes a volume, and where volumes share a file system takes all of the space that it was promised.</summary>
    private static async Task<VolumeInfo> MakeAsync(Bed bed, long sizeBytes)
    {
        VolumeInfo volume = await bed.CreateAsync(sizeBytes: sizeBytes);
        if (volume.PoolKind == PoolKind.Xfs)
        {
            string target = await bed.PublishAsync(volume);
            // In files of different sizes, as tenants do.
            for (long left = volume.CapacityBytes, file = 0; left > 0; file++)
            {
                long nextBytes = Math.Min(left, GranuleBytes * (1 + (file % 5)));
                Allocate(Path.Combine(target, $"file-{file}"), nextBytes);
                left -= nextBytes;
            }
        }
        return volume;
    }

    private static async Task<bool> TryGrowAsync(Bed bed, VolumeInfo volume)
    {
        try
        {
            long sizeBytes = bed.Manager.GetVolume(volume.Id).CapacityBytes + (4 * GranuleBytes);
            await bed.Manager.ExpandVolumeAsync(volume.Id, new SizeRange(sizeBytes, 0), CancellationToken.None);
            await bed.SettleAsync();
            if (volume.PoolKind == PoolKind.Xfs)
                Allocate(Path.Combine(await bed.PublishAsync(volume), $"grown-{sizeBytes}"), 4 * GranuleBytes);
            return true;
        }
        catch (StorageException e) when (e.Kind == StorageErrorKind.ResourceExhausted)
        {
            return false;
        }
    }

    private static async Task RequireTrueOfferAsync(Bed bed, string when)
    {
        long largestBytes = bed.Pool.Capacity.MaximumVolumeBytes;
        if (largestBytes == 0)
            return;
        await Require.RefusedAsync(StorageErrorKind.ResourceExhausted, () => bed.CreateAsync(sizeBytes: largestBytes + GranuleBytes), $"{when}, a volume of {largestBytes + GranuleBytes} bytes");
        VolumeInfo largest = await MakeAsync(bed, largestBytes);
        Require.That(largest.CapacityBytes == largestBytes, $"{when}, the largest volume of {largestBytes} bytes has {largest.CapacityBytes}");
        if (largest.PoolKind == PoolKind.Xfs)
            await RequireWholeFilesAsync(await bed.PublishAsync(largest));
        await bed.DeleteAsync(largest);
        await bed.SettleAsync();
    }

    /// <summary>Every extent begins and ends at a multiple of 2 MiB of the medium: each can be mapped by entries of 2 MiB.</summary>
    private static async Task RequireWholeFilesAsync(string target)
    {
        foreach (string file in Directory.GetFiles(target))
        {
            // Lines as "0: [0..8191]: 12288..20479", in sectors.
            string map = await Tool.MustRunAsync("xfs_io", "-r", "-c", "bmap", file);
            foreach (string line in map.Split('\n').Where(line => line.Contains("..", StringComparison.Ordinal)))
            {
                string[] numbers = line.Split(':', StringSplitOptions.TrimEntries)[2].Split(' ')[0].Split("..");
                long start = long.Parse(numbers[0]) * SectorBytes, end = (long.Parse(numbers[1]) + 1) * SectorBytes;
                Require.That(start % GranuleBytes == 0 && end % GranuleBytes == 0, $"{file} has an extent from {start} to {end}, which cannot be mapped by 2 MiB");
            }
        }
        string first = Path.Combine(target, "file-0");
        File.Delete(first);
        File.Delete(Path.Combine(target, "file-1"));
        RequireHuge(target);
    }

    private static void RequireHuge(string target)
    {
        DaxProof proof = DaxProver.Prove(target);
        Require.That(proof.HugeMappings == ProofResult.Proven, $"a new volume is not mapped by 2 MiB: {proof}");
    }

    private static void Allocate(string path, long sizeBytes)
    {
        using var file = new FileStream(path, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.ReadWrite, PreallocationSize = sizeBytes });
        file.SetLength(sizeBytes);
    }
}
