using System.Diagnostics;
using Cscm.Kubernetes;

namespace Cscm.Bench.Cluster;

/// <summary>Times from a claim and its pod being sent to the API server until the pod is seen running.</summary>
internal sealed class PodStarts(IKubernetes client, Watched pods, Watched claims, string node, string image, string size)
{
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(5);
    private int _made;

    /// <summary>Makes so many claims with pods at once and removes them again, to the last volume.</summary>
    /// <returns>Seconds, one figure for each.</returns>
    public async Task<IReadOnlyList<double>> RunAsync(Contestant contestant, int atOnce)
    {
        string[] names = [.. Enumerable.Range(0, atOnce).Select(_ => $"{contestant.Name}-{Interlocked.Increment(ref _made)}")];
        var startedAt = new Dictionary<string, long>(StringComparer.Ordinal);
        await Task.WhenAll(names.Select(async name =>
        {
            lock (startedAt)
                startedAt.Add(name, Stopwatch.GetTimestamp());
            await client.CreateAsync(BenchResources.Claims, BenchResources.Claim(name, contestant.LateClass, size), CancellationToken.None);
            await client.CreateAsync(BenchResources.Pods, BenchResources.Pod(name, node, image), CancellationToken.None);
        }));
        IReadOnlyList<long> running = await pods.AllReachedAsync(names, s_patience);
        await pods.DeleteAsync(names, s_patience);
        await claims.DeleteAsync(names, s_patience);
        await Volumes.AllGoneAsync(client, contestant.Provisioner, s_patience);
        return [.. names.Zip(running, (name, at) => Stopwatch.GetElapsedTime(startedAt[name], at).TotalSeconds)];
    }
}

/// <summary>Claims of a class that binds at once: how many are bound in a second.</summary>
internal sealed class Binding(IKubernetes client, Watched claims, string size)
{
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(10);
    private int _made;

    /// <returns>Claims per second from the first request until the last is bound; of removal, until the last volume is gone.</returns>
    public async Task<(double Bound, double Removed)> RunAsync(Contestant contestant, int count)
    {
        string[] names = [.. Enumerable.Range(0, count).Select(_ => $"{contestant.Name}-bind-{Interlocked.Increment(ref _made)}")];
        long startedAt = Stopwatch.GetTimestamp();
        await Parallel.ForEachAsync(names, new ParallelOptions { MaxDegreeOfParallelism = 20 }, async (name, token) =>
            await client.CreateAsync(BenchResources.Claims, BenchResources.Claim(name, contestant.ImmediateClass, size), token));
        IReadOnlyList<long> bound = await claims.AllReachedAsync(names, s_patience);
        double seconds = Stopwatch.GetElapsedTime(startedAt, bound.Max()).TotalSeconds;
        long removedAt = Stopwatch.GetTimestamp();
        await claims.DeleteAsync(names, s_patience);
        await Volumes.AllGoneAsync(client, contestant.Provisioner, s_patience);
        return (count / seconds, count / Stopwatch.GetElapsedTime(removedAt).TotalSeconds);
    }
}

internal static class Volumes
{
    private static readonly HashSet<string> s_others = new(StringComparer.Ordinal);

    /// <summary>Takes note of volumes that are not the benchmark's.</summary>
    public static async Task NoteOthersAsync(IKubernetes client)
    {
        foreach (PersistentVolume volume in (await client.ListAsync(Resources.PersistentVolumes, new ListQuery(), CancellationToken.None)).Items)
            s_others.Add(volume.Metadata.Name);
    }

    /// <summary>Waits until none of the benchmark's PersistentVolumes of the driver is left: what is removed belongs to no later measurement.</summary>
    public static async Task AllGoneAsync(IKubernetes client, string driver, TimeSpan patience)
    {
        long startedAt = Stopwatch.GetTimestamp();
        while ((await client.ListAsync(Resources.PersistentVolumes, new ListQuery(), CancellationToken.None)).Items.FirstOrDefault(volume => volume.Spec.Csi?.Driver == driver && !s_others.Contains(volume.Metadata.Name)) is { } left)
        {
            if (Stopwatch.GetElapsedTime(startedAt) > patience)
                throw new TimeoutException($"PersistentVolume {left.Metadata.Name} is still there after {patience.TotalSeconds} s");
            await Task.Delay(100);
        }
    }
}
