using System.Buffers;

namespace Cscm.Storage.Pools;

/// <summary>What an operator's pools must obey, said before anything is touched.</summary>
internal static class PoolOptionsRules
{
    private const int LongestName = 63;

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
        if (pool.Kind == PoolKind.File && pool.DefaultFileSystem is not ("ext4" or "xfs"))
            throw Invalid($"pool {pool.Name}: default file system '{pool.DefaultFileSystem}' must be ext4 or xfs");
        if (pool.Path is not null && !Path.IsPathFullyQualified(pool.Path))
            throw Invalid($"pool {pool.Name}: path '{pool.Path}' must be absolute");
        if (pool.NumaNode is { } node && !Directory.Exists($"/sys/devices/system/node/node{node}"))
            throw Invalid($"pool {pool.Name}: this machine has no NUMA node {node} (see /sys/devices/system/node)");
    }

    private static StorageException Invalid(string message) => new(StorageErrorKind.InvalidArgument, message);
}
