using Cscm.Kubernetes.Emulator;
using Microsoft.Extensions.Logging.Abstractions;

namespace Cscm.Kubernetes.Tests;

/// <summary>One leader at a time, whatever the server does.</summary>
public sealed class LeaderElectionTests
{
    private static readonly TimeSpan s_lease = TimeSpan.FromSeconds(1.2);
    private static readonly TimeSpan s_renew = TimeSpan.FromSeconds(0.3);

    /// <summary>So long that no test waits for its end, however slow the machine.</summary>
    private static readonly TimeSpan s_longLease = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task One_of_two_leads_and_the_other_takes_over_at_once_when_it_stops()
    {
        await using ApiEmulator api = await ApiEmulator.StartAsync();
        using var client = new RestKubernetes(new ClusterConfig { Server = api.Address });
        var first = new Candidate(client, "a", s_longLease);
        await Eventually.TrueAsync(() => first.IsLeading);
        var second = new Candidate(client, "b", s_longLease);
        await Task.Delay(TimeSpan.FromSeconds(1));
        Assert.True(first.IsLeading);
        Assert.False(second.IsLeading);
        await first.StopAsync();
        await Eventually.TrueAsync(() => second.IsLeading);
        await second.StopAsync();
        Lease lease = await client.GetAsync(Resources.Leases("cscm"), "test", default);
        Assert.Equal("", lease.Spec.HolderIdentity);
        Assert.Equal(1, lease.Spec.LeaseTransitions - 1);
    }

    [Fact]
    public async Task One_that_stops_in_the_middle_of_a_renewal_lets_the_other_lead_all_the_same()
    {
        await using ApiEmulator api = await ApiEmulator.StartAsync();
        using var client = new RestKubernetes(new ClusterConfig { Server = api.Address });
        var first = new Candidate(client, "a", s_longLease);
        await Eventually.TrueAsync(() => first.IsLeading);
        var second = new Candidate(client, "b", s_longLease);
        int losses = 0;
        // The renewal is carried out, and whoever asked for it has gone when the answer should come.
        api.Faults.OnRequest = call => call.Verb == "update" && Interlocked.Increment(ref losses) == 1 ? new Fault { WhenActed = first.BeginStop, IsAnswerLost = true } : null;
        await Eventually.TrueAsync(() => Volatile.Read(ref losses) > 0);
        await first.StopAsync();
        await Eventually.TrueAsync(() => second.IsLeading);
        await second.StopAsync();
    }

    [Fact]
    public async Task A_leader_that_cannot_renew_stops_before_another_starts()
    {
        await using ApiEmulator api = await ApiEmulator.StartAsync();
        using var client = new RestKubernetes(new ClusterConfig { Server = api.Address });
        using var cutOff = new RestKubernetes(new ClusterConfig { Server = api.Address, Token = TokenSource.Fixed("cut") });
        var first = new Candidate(cutOff, "a");
        await Eventually.TrueAsync(() => first.IsLeading);
        var second = new Candidate(client, "b");
        // Only the second is let in from now on: it has no token, and so the first has the wrong one.
        api.RefusedToken = "cut";
        bool wereBoth = false;
        await Eventually.TrueAsync(() =>
        {
            wereBoth |= first.IsLeading && second.IsLeading;
            return second.IsLeading;
        });
        Assert.False(wereBoth);
        Assert.False(first.IsLeading);
        await first.StopAsync();
        await second.StopAsync();
    }

    [Fact]
    public async Task A_renewal_whose_answer_was_lost_costs_no_leadership()
    {
        await using ApiEmulator api = await ApiEmulator.StartAsync();
        using var client = new RestKubernetes(new ClusterConfig { Server = api.Address });
        var leader = new Candidate(client, "a");
        await Eventually.TrueAsync(() => leader.IsLeading);
        int losses = 1;
        api.Faults.OnRequest = call => call.Verb == "update" && Interlocked.Decrement(ref losses) == 0 ? new Fault { IsAnswerLost = true } : null;
        await Task.Delay(2 * s_lease);
        Assert.True(losses < 0);
        Assert.Equal(1, leader.Terms);
        await leader.StopAsync();
    }

    private sealed class Candidate
    {
        private readonly TaskCompletionSource _stop = new();
        private readonly Task _run;
        private int _terms;

        public Candidate(IKubernetes client, string identity, TimeSpan? lease = null)
        {
            var election = new LeaderElection(client, "cscm", "test", identity, NullLogger.Instance) { LeaseDuration = lease ?? s_lease, RenewEvery = s_renew };
            _run = RunAsync(election);
        }

        public bool IsLeading { get; private set; }

        public int Terms => _terms;

        public void BeginStop() => _stop.TrySetResult();

        public async Task StopAsync()
        {
            BeginStop();
            await _run;
        }

        private async Task RunAsync(LeaderElection election)
        {
            using var stop = new CancellationTokenSource();
            Task running = election.RunAsync(LeadAsync, stop.Token);
            await _stop.Task;
            await stop.CancelAsync();
            await running;
        }

        private async Task LeadAsync(CancellationToken cancellationToken)
        {
            Interlocked.Increment(ref _terms);
            IsLeading = true;
            await Task.Delay(Timeout.Infinite, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            IsLeading = false;
        }
    }
}
