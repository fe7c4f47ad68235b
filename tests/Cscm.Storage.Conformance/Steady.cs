namespace Cscm.Storage.Conformance;

/// <summary>A volume that stays: published for programs of the test's own, now and after the next start.</summary>
internal static class Steady
{
    private const long VolumeBytes = 128L << 20;

    /// <summary>Finds or makes the volume, publishes it, and leaves it so.</summary>
    public static async Task<int> PublishAsync(PoolOptions pool, string root)
    {
        await using Bed bed = await Bed.OpenAsync(pool, root);
        VolumeInfo volume = await bed.CreateAsync("steady", VolumeBytes);
        await Console.Out.WriteLineAsync($"published={await bed.PublishAsync(volume)}");
        return 0;
    }

    /// <summary>What is wrong with the pool, a line per finding.</summary>
    public static async Task<int> ExamineAsync(PoolOptions pool, string root)
    {
        await using Bed bed = await Bed.OpenAsync(pool, root);
        foreach (PoolHealth finding in bed.Manager.GetPoolHealth())
            await Console.Out.WriteLineAsync($"pool {finding.Kind} {finding.Reason} {finding.Message}");
        foreach (VolumeInfo volume in bed.Manager.ListVolumes())
        {
            foreach (HealthFinding finding in volume.Health)
                await Console.Out.WriteLineAsync($"volume {finding.Kind} {finding.Reason} {finding.Message}");
        }
        return 0;
    }
}
