using System.Diagnostics;

namespace Cscm.Storage.Conformance;

/// <summary>A tenant's secret, deleted while its erasure is cut off: by SIGKILL, or with the power.</summary>
internal static class SlowErasure
{
    private const long SecretBytes = 32L << 20;

    /// <summary>Slow enough to be interrupted, fast enough to have begun.</summary>
    private const long BytesPerSecond = 8L << 20;
    private static readonly TimeSpan s_begun = TimeSpan.FromMilliseconds(500);

    public static async Task<int> DeleteAsync(PoolOptions pool, string root, DaxPolicy? dax)
    {
        Bed bed = await Bed.OpenAsync(pool with { EraseBytesPerSecond = BytesPerSecond }, root, dax);
        VolumeInfo volume = await bed.CreateAsync("secret", SecretBytes);
        Pattern.Write(Path.Combine(await bed.PublishAsync(volume), "secret"), SecretBytes * 9 / 10);
        await bed.TakeDownAsync(volume.Id);
        long start = Stopwatch.GetTimestamp();
        await bed.Manager.DeleteVolumeAsync(volume.Id, CancellationToken.None);
        await Console.Out.WriteLineAsync($"deleted_ms={Stopwatch.GetElapsedTime(start).TotalMilliseconds:F0} erasing_bytes={bed.Pool.ErasingBytes}");
        await Task.Delay(s_begun);
        await Console.Out.WriteLineAsync("erasing");
        await Task.Delay(Timeout.Infinite);
        return 1;
    }

    public static async Task<int> FinishAsync(PoolOptions pool, string root)
    {
        // Slow first, to see what is left; then a restart at full speed, which an orderly end must not disturb either.
        long left;
        await using (Bed slow = await Bed.OpenAsync(pool with { EraseBytesPerSecond = BytesPerSecond }, root))
            left = slow.Pool.ErasingBytes;
        await using Bed bed = await Bed.OpenAsync(pool, root);
        await bed.SettleAsync();
        await Console.Out.WriteLineAsync($"left_bytes={left} erasing_bytes={bed.Pool.ErasingBytes}");
        return 0;
    }

    /// <summary>Takes all space there is for a new volume and a file in it, allocated but not written: where old bytes would show.</summary>
    public static async Task<int> SearchNewAsync(PoolOptions pool, string root)
    {
        await using Bed bed = await Bed.OpenAsync(pool, root);
        VolumeInfo fresh = await bed.CreateAsync("fresh", bed.Pool.Capacity.MaximumVolumeBytes);
        string file = Path.Combine(await bed.PublishAsync(fresh), "mine");
        using (FileStream allocated = new(file, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.ReadWrite, PreallocationSize = fresh.CapacityBytes * 9 / 10 }))
            allocated.SetLength(fresh.CapacityBytes * 9 / 10);
        bool isInNew = Pattern.IsIn(file);
        await Console.Out.WriteLineAsync($"in_new_volume={isInNew}");
        return isInNew ? 1 : 0;
    }
}
