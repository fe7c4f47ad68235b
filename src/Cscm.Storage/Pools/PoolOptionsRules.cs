using System.Buffers;

namespace Cscm.Storage.Pools;

/// <summary>What an operator's pools must obey, said before anything is touched.</summary>
internal static class PoolOptionsRules
{
    private const int LongestName = 63;

    /// <summary>Part of names that the medium keeps: of volume groups, and in the labels of namespaces.</summary>
    private const int LongestNameOnMedium = 32;

    /// <summary>A step of the eraser's per second.</summary>
    private const long SlowestErasureBytesPerSecond = Sizes.StepBytes;

    private static readonly SearchValues<char> s_nameCharacters = SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789-");

    /// <summary>Checks the pools and settles which is the default.</summary>
    /// <exception cref="StorageException">InvalidArgument.</exception>
    public static IReadOnlyList<PoolOptions> Check(IReadOnlyList<PoolOptions> pools)
    {
        if (pools.Count == 0)
            throw Invalid("no pool is configured: name at least one");
        foreach (PoolOptions pool in pools)
            CheckOne(pool);
        if (pools.GroupBy(pool => pool.Name, StringComparer.Ordinal).FirstOrDefault(group => group.Count() > 1) is { } twice)
            throw Invalid($"two pools are named {twice.Key}: give each its own name");
        if (pools.Where(pool => pool.Path is not null).GroupBy(pool => Path.GetFullPath(pool.Path!), StringComparer.Ordinal).FirstOrDefault(group => group.Count() > 1) is { } shared)
            throw Invalid($"two pools have the directory {shared.Key}: give each its own");
        if (pools.SelectMany(pool => pool.Sources.Select(source => (pool.Kind, source))).GroupBy(taken => taken).FirstOrDefault(group => group.Count() > 1) is { } taken)
            throw Invalid($"two pools of kind {taken.Key.Kind} take from {taken.Key.source}: give it to one of them");
        if (pools.Count(pool => pool.IsDefault) > 1)
            throw Invalid("more than one pool is the default: choose one");
        return pools.Any(pool => pool.IsDefault) ? pools : [pools[0] with { IsDefault = true }, .. pools.Skip(1)];
    }

    private static void CheckOne(PoolOptions pool)
    {
        if (pool.Name.Length is 0 or > LongestName || pool.Name.AsSpan().ContainsAnyExcept(s_nameCharacters))
            throw Invalid($"pool name '{pool.Name}' must have 1 to {LongestName} characters of a-z, 0-9 and -");
        if (pool.SizeBytes < Sizes.StepBytes || pool.SizeBytes > Sizes.LargestBytes)
            throw Invalid($"pool {pool.Name}: size {pool.SizeBytes} must lie between {Sizes.StepBytes} and {Sizes.LargestBytes} bytes");
        if (pool.Kind is PoolKind.File or PoolKind.Lvm or PoolKind.Namespace && pool.DefaultFileSystem is not ("ext4" or "xfs"))
            throw Invalid($"pool {pool.Name}: default file system '{pool.DefaultFileSystem}' must be ext4 or xfs");
        CheckSources(pool);
        CheckEraseRate(pool);
        if (pool.Path is not null && !Path.IsPathFullyQualified(pool.Path))
            throw Invalid($"pool {pool.Name}: path '{pool.Path}' must be absolute");
        if (pool.NumaNode is { } node && !Directory.Exists($"/sys/devices/system/node/node{node}"))
            throw Invalid($"pool {pool.Name}: this machine has no NUMA node {node} (see /sys/devices/system/node)");
    }

    private static void CheckEraseRate(PoolOptions pool)
    {
        if (pool.EraseBytesPerSecond is not { } rate)
            return;
        if (pool.Kind is PoolKind.File or PoolKind.Dram)
            throw Invalid($"pool {pool.Name} is of kind {pool.Kind}, which zeroes nothing behind a delete: leave the erase rate out");
        if (rate < SlowestErasureBytesPerSecond)
            throw Invalid($"pool {pool.Name}: an erase rate of {rate} bytes per second would take space out of use for days: give {SlowestErasureBytesPerSecond} or more, or none for no limit");
    }

    private static void CheckSources(PoolOptions pool)
    {
        if (pool.Kind is PoolKind.Lvm or PoolKind.Namespace && pool.Sources.Count == 0)
            throw Invalid($"pool {pool.Name} lacks a source: name what it may take, as in source=region0");
        if (pool.Kind is PoolKind.File or PoolKind.Dram && pool.Sources.Count > 0)
            throw Invalid($"pool {pool.Name} is of kind {pool.Kind}, which takes nothing from {pool.Sources[0]}: leave the source out");
        if (pool.Kind == PoolKind.Namespace && pool.Sources.FirstOrDefault(source => source.Kind != PoolSourceKind.Region) is { Name: not null } other)
            throw Invalid($"pool {pool.Name} makes namespaces, which only regions have room for: {other} is none");
        if (pool.Kind is PoolKind.Lvm or PoolKind.Namespace && pool.Name.Length > LongestNameOnMedium)
            throw Invalid($"pool name '{pool.Name}' must have at most {LongestNameOnMedium} characters in a pool of kind {pool.Kind}, which writes it to the medium");
        if (pool.Sources.Count > 1 && pool.Sources.Any(source => source.Kind == PoolSourceKind.VolumeGroup))
            throw Invalid($"pool {pool.Name} takes from a volume group and from something else: name the volume group alone");
        if (pool.Stripes < 1 || (pool.Stripes > 1 && pool.Kind != PoolKind.Lvm))
            throw Invalid($"pool {pool.Name}: stripes {pool.Stripes} must be 1 or more, and 1 for any kind but lvm");
    }

    private static StorageException Invalid(string message) => new(StorageErrorKind.InvalidArgument, message);
}
