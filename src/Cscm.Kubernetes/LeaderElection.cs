using System.Net;
using Microsoft.Extensions.Logging;

namespace Cscm.Kubernetes;

/// <summary>
/// Lets one of several replicas lead, by a Lease. Who holds it renews it; who does not sees whether it still changes, by its own clock,
/// since clocks of machines differ. A leader that cannot renew stops before another may start.
/// </summary>
public sealed partial class LeaderElection(IKubernetes client, string @namespace, string name, string identity, ILogger logger)
{
    private readonly Resource<Lease> _leases = Resources.Leases(@namespace);
    private Lease? _seen;
    private long _seenAt;

    /// <summary>How long after a leader's death none leads. What the leader does is hourly: a minute is soon enough, and rests the server.</summary>
    public TimeSpan LeaseDuration { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>How often the lease is written by who holds it, and read by who does not.</summary>
    public TimeSpan RenewEvery { get; init; } = TimeSpan.FromSeconds(20);

    public bool IsLeader { get; private set; }

    /// <summary>Runs <paramref name="lead"/> whenever this replica leads; its token ends when it no longer does.</summary>
    public async Task RunAsync(Func<CancellationToken, Task> lead, CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            if (await TryHoldAsync(cancellationToken))
                await LeadAsync(lead, cancellationToken);
            else
                await Task.Delay(RenewEvery, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        await ReleaseAsync();
    }

    private async Task LeadAsync(Func<CancellationToken, Task> lead, CancellationToken cancellationToken)
    {
        using var term = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        IsLeader = true;
        LogWon(logger, identity, name);
        Task work = lead(term.Token);
        long renewedAt = TimeProvider.System.GetTimestamp();
        while (!cancellationToken.IsCancellationRequested && !work.IsCompleted)
        {
            await Task.Delay(RenewEvery, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            // What is left of the lease: a renewal that comes later is none.
            using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            TimeSpan left = LeaseDuration - RenewEvery / 2 - TimeProvider.System.GetElapsedTime(renewedAt);
            deadline.CancelAfter(left > TimeSpan.Zero ? left : TimeSpan.Zero);
            long triedAt = TimeProvider.System.GetTimestamp();
            if (!await TryHoldAsync(deadline.Token))
                break;
            renewedAt = triedAt;
        }
        await term.CancelAsync();
        IsLeader = false;
        LogLost(logger, identity, name);
        await work.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    /// <summary>Takes or renews the lease.</summary>
    /// <returns>Whether we hold it now.</returns>
    private async Task<bool> TryHoldAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await TryWriteAsync(cancellationToken);
        }
        catch (KubernetesException e) when (e.IsConflict && IsLeader)
        {
            // Perhaps our own renewal, repeated after its answer was lost: the lease itself tells.
            _seen = null;
        }
        catch (KubernetesException e)
        {
            if (e.Code is not HttpStatusCode.Conflict)
                LogTrouble(logger, name, e.Message);
            return false;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
        return await TryHoldAsync(cancellationToken);
    }

    private async Task<bool> TryWriteAsync(CancellationToken cancellationToken)
    {
        DateTimeOffset now = TimeProvider.System.GetUtcNow();
        Lease? lease = await FindAsync(cancellationToken);
        if (lease is null)
        {
            lease = Held(new Lease { Metadata = new ObjectMeta { Name = name, Namespace = @namespace } }, now);
            _seen = await client.CreateAsync(_leases, lease, cancellationToken);
            return true;
        }
        if (lease.Spec.HolderIdentity != identity && !IsExpired(lease))
            return false;
        _seen = await client.ReplaceAsync(_leases, Held(lease, now), cancellationToken);
        return true;
    }

    /// <summary>The lease that we hold is as we left it, unless someone took it: then the write conflicts.</summary>
    private async Task<Lease?> FindAsync(CancellationToken cancellationToken)
    {
        if (IsLeader && _seen is not null)
            return _seen;
        try
        {
            return await client.GetAsync(_leases, name, cancellationToken);
        }
        catch (KubernetesException e) when (e.IsNotFound)
        {
            return null;
        }
    }

    private bool IsExpired(Lease lease)
    {
        if (string.IsNullOrEmpty(lease.Spec.HolderIdentity))
            return true;
        if (_seen?.Metadata.ResourceVersion != lease.Metadata.ResourceVersion)
        {
            (_seen, _seenAt) = (lease, TimeProvider.System.GetTimestamp());
            return false;
        }
        return TimeProvider.System.GetElapsedTime(_seenAt) > TimeSpan.FromSeconds(lease.Spec.LeaseDurationSeconds ?? LeaseDuration.TotalSeconds);
    }

    private Lease Held(Lease lease, DateTimeOffset now)
    {
        bool isOurs = lease.Spec.HolderIdentity == identity;
        return lease with
        {
            Spec = new LeaseSpec
            {
                HolderIdentity = identity,
                LeaseDurationSeconds = (int)Math.Ceiling(LeaseDuration.TotalSeconds),
                AcquireTime = isOurs ? lease.Spec.AcquireTime : now,
                RenewTime = now,
                LeaseTransitions = (lease.Spec.LeaseTransitions ?? 0) + (isOurs ? 0 : 1),
            },
        };
    }

    /// <summary>
    /// Lets the next replica lead at once rather than when the lease has run out. Reads it first: stopping may have cut off a renewal
    /// that the server had carried out, and what we last saw is then out of date.
    /// </summary>
    private async Task ReleaseAsync()
    {
        if (_seen?.Spec.HolderIdentity != identity)
            return;
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(2));
        try
        {
            Lease lease = await client.GetAsync(_leases, name, patience.Token);
            if (lease.Spec.HolderIdentity == identity)
                await client.ReplaceAsync(_leases, lease with { Spec = lease.Spec with { HolderIdentity = "", LeaseDurationSeconds = 1 } }, patience.Token);
        }
        catch (Exception e) when (e is KubernetesException or OperationCanceledException)
        {
            LogTrouble(logger, name, e.Message);
        }
    }

    [LoggerMessage(EventId = 50, Level = LogLevel.Information, Message = "{Identity} leads by lease {Name}")]
    private static partial void LogWon(ILogger logger, string identity, string name);

    [LoggerMessage(EventId = 51, Level = LogLevel.Information, Message = "{Identity} no longer leads by lease {Name}")]
    private static partial void LogLost(ILogger logger, string identity, string name);

    [LoggerMessage(EventId = 52, Level = LogLevel.Warning, Message = "lease {Name}: {Why}")]
    private static partial void LogTrouble(ILogger logger, string name, string why);
}
