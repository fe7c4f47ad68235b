using Cscm.Storage.Proof;

namespace Cscm.Storage.Conformance;

/// <summary>
/// A long random run of creations, growths and removals over one pool, between half and nine tenths full, where fragments hurt. On the way and
/// at the end it holds the pool to what docs/decisions/0039 says: the largest volume that is offered can be made and filled and none larger,
/// volumes lie in few pieces, new ones are still mapped by 2 MiB, and when all is gone all space is there again, in one piece. It is told in
/// stages, each of which goes on where the one before it ended.
/// </summary>
public sealed class Lives
{
    private const long GranuleBytes = 2 * Bed.MiB, SectorBytes = 512;

    /// <summary>The smallest XFS, with room for a probe.</summary>
    private const long XfsVolumeBytes = 320 * Bed.MiB;

    /// <summary>The acts are shared out among so many stages. The offer is tried after each second.</summary>
    private const int Parts = 4;

    private const string Between = "an_xfs_made_of_what_is_free_in_between_is_mapped_by_2_mib", Whole = "all_space_is_whole_again";

    private readonly Bed _bed;
    private readonly PoolCapacity _before;
    private readonly Random _random;
    private readonly List<VolumeInfo> _volumes = [];
    private int _made, _grown, _removed, _refused, _newPieces, _grownPieces;

    /// <summary>Where volumes lie now; null but for pools of kind lvm.</summary>
    private LvmLayout? _layout;

    private Lives(Bed bed, int seed) => (_bed, _before, _random) = (bed, bed.Pool.Capacity, new Random(seed));

    public static IEnumerable<string> Stages => [.. Enumerable.Range(1, Parts).Select(NameOf), Between, Whole];

    /// <returns>The stages in their order, as far as they came: one that fails is the last.</returns>
    public static async IAsyncEnumerable<Outcome> RunAsync(PoolOptions pool, string root, int seed, int acts)
    {
        await using Bed bed = await Bed.OpenAsync(pool, root);
        await bed.SettleAsync();
        var lives = new Lives(bed, seed);
        lives._layout = await lives.ReadLayoutAsync();
        IEnumerable<(string Name, Func<Task> Stage)> stages =
        [
            .. Enumerable.Range(1, Parts).Select(part => (NameOf(part), (Func<Task>)(() => lives.RunPartAsync(part, (acts * part / Parts) - (acts * (part - 1) / Parts))))),
            (Between, lives.RequireHugeInBetweenAsync), (Whole, lives.RequireWholeAsync),
        ];
        foreach ((string name, Func<Task> stage) in stages)
        {
            Outcome outcome = await Outcome.OfAsync(name, stage);
            yield return outcome;
            if (outcome.Failure is not null)
                yield break;
        }
    }

    private static string NameOf(int part) => $"volumes_come_grow_and_go_{part}_of_{Parts}";

    private async Task RunPartAsync(int part, int acts)
    {
        for (int act = 0; act < acts; act++)
            await ActAsync();
        if (part % 2 == 0)
            await RequireTrueOfferAsync($"after part {part} of {Parts}");
        if (part < Parts)
            return;
        int pieces = _layout?.Pieces ?? _volumes.Count;
        PoolCapacity full = _bed.Pool.Capacity;
        await Console.Out.WriteLineAsync(
            $"made={_made} grown={_grown} refused={_refused} removed={_removed} left={_volumes.Count} available_bytes={full.AvailableBytes} largest_bytes={full.MaximumVolumeBytes} pieces={pieces} new_pieces={_newPieces} grown_pieces={_grownPieces}");
        // What all had to be given in all their lives, those that are gone included.
        Require.That(_layout is null || pieces <= _newPieces + _grownPieces, $"{pieces} pieces, and {_newPieces} + {_grownPieces} were added");
    }

    private async Task ActAsync()
    {
        long freeBytes = _bed.Pool.Capacity.AvailableBytes;
        int choice = freeBytes < _before.AvailableBytes / 10 ? 2 : freeBytes > _before.AvailableBytes / 2 ? 0 : _random.Next(3);
        if (choice == 0 || _volumes.Count == 0)
        {
            long largestBytes = _bed.Pool.Capacity.MaximumVolumeBytes;
            if (largestBytes >= _bed.SmallBytes)
            {
                _volumes.Add(await MakeAsync(Math.Min(largestBytes, _bed.SmallBytes + (_random.Next(48) * GranuleBytes))));
                _made++;
                _newPieces += await RequirePolicyAsync();
            }
        }
        else if (choice == 1)
        {
            if (await TryGrowAsync(_volumes[_random.Next(_volumes.Count)]))
            {
                _grown++;
                _grownPieces += await RequirePolicyAsync();
            }
            else
            {
                _refused++;
            }
        }
        else
        {
            VolumeInfo gone = _volumes[_random.Next(_volumes.Count)];
            _volumes.Remove(gone);
            await _bed.DeleteAsync(gone);
            await _bed.SettleAsync();
            _layout = await ReadLayoutAsync();
            _removed++;
        }
    }

    /// <summary>Half of all go, and what they leave between the others still maps by 2 MiB.</summary>
    private async Task RequireHugeInBetweenAsync()
    {
        foreach (VolumeInfo gone in _volumes.Where((_, index) => index % 2 == 0))
            await _bed.DeleteAsync(gone);
        await _bed.SettleAsync();
        for (int index = 1; LargestXfsBytes() < XfsVolumeBytes && index < _volumes.Count; index += 2)
        {
            await _bed.DeleteAsync(_volumes[index]);
            await _bed.SettleAsync();
        }
        VolumeInfo proven = await _bed.Manager.CreateVolumeAsync(
            new VolumeSpec { Name = _bed.NewName(), Pool = _bed.Options.Name, FileSystem = "xfs", Size = new SizeRange(XfsVolumeBytes, 0) }, CancellationToken.None);
        await RequireHugeAsync(await _bed.PublishAsync(proven));

        long LargestXfsBytes() => _bed.Manager.GetCapacity(_bed.Options.Name, AccessType.Mount, "xfs").MaximumVolumeBytes;
    }

    private async Task RequireWholeAsync()
    {
        await _bed.CleanUpAsync();
        Require.Equal(_before, _bed.Pool.Capacity);
    }

    private async Task<LvmLayout?> ReadLayoutAsync() => _bed.Options.Kind == PoolKind.Lvm ? await LvmLayout.ReadAsync() : null;

    /// <returns>How many pieces the last act could not help adding.</returns>
    private async Task<int> RequirePolicyAsync()
    {
        (LvmLayout? before, _layout) = (_layout, await ReadLayoutAsync());
        return before?.RequirePolicy(_layout!) ?? 0;
    }

    /// <summary>Makes a volume, and where volumes share a file system takes all of the space that it was promised.</summary>
    private async Task<VolumeInfo> MakeAsync(long sizeBytes)
    {
        VolumeInfo volume = await _bed.CreateAsync(sizeBytes: sizeBytes);
        if (volume.PoolKind == PoolKind.Xfs)
        {
            string target = await _bed.PublishAsync(volume);
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

    private async Task<bool> TryGrowAsync(VolumeInfo volume)
    {
        try
        {
            long sizeBytes = _bed.Manager.GetVolume(volume.Id).CapacityBytes + (4 * GranuleBytes);
            await _bed.Manager.ExpandVolumeAsync(volume.Id, new SizeRange(sizeBytes, 0), CancellationToken.None);
            await _bed.SettleAsync();
            if (volume.PoolKind == PoolKind.Xfs)
                Allocate(Path.Combine(await _bed.PublishAsync(volume), $"grown-{sizeBytes}"), 4 * GranuleBytes);
            return true;
        }
        catch (StorageException e) when (e.Kind == StorageErrorKind.ResourceExhausted)
        {
            return false;
        }
    }

    private async Task RequireTrueOfferAsync(string when)
    {
        long largestBytes = _bed.Pool.Capacity.MaximumVolumeBytes;
        if (largestBytes == 0)
            return;
        await Require.RefusedAsync(StorageErrorKind.ResourceExhausted, () => _bed.CreateAsync(sizeBytes: largestBytes + GranuleBytes), $"{when}, a volume of {largestBytes + GranuleBytes} bytes");
        VolumeInfo largest = await MakeAsync(largestBytes);
        Require.That(largest.CapacityBytes == largestBytes, $"{when}, the largest volume of {largestBytes} bytes has {largest.CapacityBytes}");
        if (largest.PoolKind == PoolKind.Xfs)
            await RequireWholeFilesAsync(await _bed.PublishAsync(largest), canProbe: largestBytes > GranuleBytes);
        await _bed.DeleteAsync(largest);
        await _bed.SettleAsync();
    }

    /// <summary>Every extent begins and ends at a multiple of 2 MiB of the medium: each can be mapped by entries of 2 MiB.</summary>
    private static async Task RequireWholeFilesAsync(string target, bool canProbe)
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
        // With the smallest volume there is, what is deleted is no room for the probe and the directory.
        if (!canProbe)
            return;
        File.Delete(Path.Combine(target, "file-0"));
        File.Delete(Path.Combine(target, "file-1"));
        await RequireHugeAsync(target);
    }

    /// <summary>XFS gives the blocks of deleted files back behind their deletion: until then there may be no room for the probe.</summary>
    private static async Task RequireHugeAsync(string target)
    {
        const int Tries = 100;
        DaxProof proof = DaxProver.Prove(target);
        for (int attempt = 1; proof.HugeMappings == ProofResult.Untested && attempt < Tries; attempt++)
        {
            await Task.Delay(50);
            proof = DaxProver.Prove(target);
        }
        Require.That(proof.HugeMappings == ProofResult.Proven, $"a new volume is not mapped by 2 MiB: {proof}");
    }

    private static void Allocate(string path, long sizeBytes)
    {
        using var file = new FileStream(path, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.ReadWrite, PreallocationSize = sizeBytes });
        file.SetLength(sizeBytes);
    }
}
