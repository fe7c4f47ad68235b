namespace Cscm.Storage.Conformance;

/// <summary>
/// Volumes made a moment before the power is cut: nobody has written to them, nothing made the medium durable on their behalf, and still
/// they were promised.
/// </summary>
internal static class JustMade
{
    private const int Volumes = 8;

    /// <summary>Makes volumes and says so, until the power is cut.</summary>
    public static async Task<int> MakeAsync(PoolOptions pool, string root)
    {
        await using Bed bed = await Bed.OpenAsync(pool, root);
        for (int i = 0; i < Volumes; i++)
            await bed.CreateAsync($"made-{i}");
        await Console.Out.WriteLineAsync("made");
        await Task.Delay(Timeout.Infinite);
        return 0;
    }

    /// <summary>Holds what a start finds against what was promised: the volumes, whole, with their limits.</summary>
    public static async Task<int> VerifyAsync(PoolOptions pool, string root)
    {
        await using Bed bed = await Bed.OpenAsync(pool, root);
        Require.Equal("", string.Join("; ", bed.TakeLog()));
        Require.Equal(Volumes, bed.Manager.ListVolumes().Count);
        foreach (VolumeInfo volume in bed.Manager.ListVolumes())
        {
            Require.Equal("", string.Join("; ", volume.Health.Select(finding => finding.Message)));
            string file = Path.Combine(await bed.PublishAsync(volume), "all");
            bool isLimited = false;
            try
            {
                await File.WriteAllBytesAsync(file, new byte[2 * volume.CapacityBytes]);
            }
            catch (IOException)
            {
                isLimited = true;
            }
            Require.That(isLimited, $"{volume.Name} took twice its capacity: its limit was lost");
        }
        await bed.CleanUpAsync();
        Require.Equal("", string.Join("; ", bed.Manager.GetPoolHealth().Select(finding => finding.Message)));
        await Console.Out.WriteLineAsync("verified");
        return 0;
    }
}
