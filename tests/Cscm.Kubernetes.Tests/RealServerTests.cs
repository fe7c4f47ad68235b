namespace Cscm.Kubernetes.Tests;

/// <summary>
/// The client against the API server that KUBECONFIG names: what the emulator claims of such a server, asked of a real one. Leases serve as objects, in
/// namespace "default", and are deleted afterwards.
/// </summary>
public sealed class RealServerTests : IAsyncLifetime, IDisposable
{
    private readonly string _prefix = $"cscm-test-{Guid.NewGuid().ToString("N")[..8]}";
    private readonly List<string> _made = [];
    private readonly Resource<Lease> _leases = Resources.Leases("default");
    private RestKubernetes? _client;

    private RestKubernetes Client => _client ??= new RestKubernetes(ClusterConfig.Find(null));

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        foreach (string name in _made)
            await Client.DeleteAsync(_leases, name, null, default);
    }

    public void Dispose() => _client?.Dispose();

    [RealServerFact]
    public async Task Who_writes_what_another_changed_meets_a_conflict_and_who_creates_what_exists_is_told_so()
    {
        Lease first = await CreateAsync("a", "one");
        Lease second = await Client.ReplaceAsync(_leases, Held(first, "two"), default);
        Assert.NotEqual(first.Metadata.ResourceVersion, second.Metadata.ResourceVersion);
        Assert.True((await Refusal(() => Client.ReplaceAsync(_leases, Held(first, "three"), default))).IsConflict);
        Assert.True((await Refusal(() => CreateAsync("a", "four"))).IsAlreadyExists);
        Assert.Equal("two", (await Client.GetAsync(_leases, first.Metadata.Name, default)).Spec.HolderIdentity);
    }

    [RealServerFact]
    public async Task Only_the_incarnation_that_was_meant_is_deleted()
    {
        Lease lease = await CreateAsync("a", "one");
        await Client.DeleteAsync(_leases, lease.Metadata.Name, Guid.NewGuid().ToString(), default);
        Assert.Equal(lease.Metadata.Uid, (await Client.GetAsync(_leases, lease.Metadata.Name, default)).Metadata.Uid);
        await Client.DeleteAsync(_leases, lease.Metadata.Name, lease.Metadata.Uid, default);
        Assert.True((await Refusal(() => Client.GetAsync(_leases, lease.Metadata.Name, default))).IsNotFound);
        await Client.DeleteAsync(_leases, lease.Metadata.Name, null, default);
    }

    [RealServerFact]
    public async Task Lists_come_by_pages_and_a_broken_token_is_refused()
    {
        foreach (string name in (string[])["a", "b", "c"])
            await CreateAsync(name, "one");
        var query = new ListQuery($"cscm.io/test={_prefix}", Limit: 2);
        ObjectList<Lease> page = await Client.ListAsync(_leases, query, default);
        Assert.Equal(2, page.Items.Count);
        ObjectList<Lease> rest = await Client.ListAsync(_leases, query with { Continue = page.Metadata.Continue }, default);
        Assert.Equal($"{_prefix}-c", Assert.Single(rest.Items).Metadata.Name);
        KubernetesException refusal = await Refusal(() => Client.ListAsync(_leases, query with { Continue = "broken" }, default));
        Assert.False(refusal.IsTransient, refusal.Message);
    }

    [RealServerFact]
    public async Task An_apply_creates_and_changes_and_its_owners_fields_go_when_it_names_them_no_more()
    {
        Lease wanted = New("a", "one");
        _made.Add(wanted.Metadata.Name);
        Lease made = await Client.ApplyAsync(_leases, wanted, "cscm-test", null, default);
        Assert.Equal("one", made.Spec.HolderIdentity);
        Lease unlabelled = await Client.ApplyAsync(_leases, wanted with { Metadata = new ObjectMeta { Name = wanted.Metadata.Name } }, "cscm-test", null, default);
        Assert.Equal(made.Metadata.Uid, unlabelled.Metadata.Uid);
        Assert.Null(unlabelled.Metadata.Labels);
    }

    [RealServerFact]
    public async Task A_watch_tells_what_happens_after_a_version_and_a_forgotten_version_is_gone()
    {
        string since = (await Client.ListAsync(_leases, new ListQuery($"cscm.io/test={_prefix}"), default)).Metadata.ResourceVersion!;
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        Lease lease = await CreateAsync("a", "one");
        await Client.ReplaceAsync(_leases, Held(lease, "two"), default);
        await Client.DeleteAsync(_leases, lease.Metadata.Name, null, default);
        (WatchEventType, string?)[] story = [(WatchEventType.Added, "one"), (WatchEventType.Modified, "two"), (WatchEventType.Deleted, "two")];
        var seen = new List<(WatchEventType, string?)>();
        await SeeAsync(new WatchQuery($"cscm.io/test={_prefix}", since, TimeSpan.FromSeconds(20)), lease, seen, patience.Token);
        Assert.Equal(story, seen);
        // A server that has run since its store was empty may remember the very first version; it must then tell all that came after.
        var again = new List<(WatchEventType, string?)>();
        if (await Record.ExceptionAsync(() => SeeAsync(new WatchQuery(null, "1", TimeSpan.FromSeconds(5)), lease, again, patience.Token)) is { } refusal)
            Assert.True(Assert.IsType<KubernetesException>(refusal).IsGone, refusal.Message);
        else
            Assert.Equal(story, again);
    }

    /// <summary>Adds what a watch tells of a lease, to the lease's end.</summary>
    private async Task SeeAsync(WatchQuery query, Lease lease, List<(WatchEventType, string?)> seen, CancellationToken cancellationToken)
    {
        await foreach (WatchEvent<Lease> change in Client.WatchAsync(_leases, query, cancellationToken))
        {
            if (change.Type == WatchEventType.Bookmark || change.Object.Metadata.Name != lease.Metadata.Name)
                continue;
            seen.Add((change.Type, change.Object.Spec.HolderIdentity));
            if (change.Type == WatchEventType.Deleted)
                break;
        }
    }

    private static Lease Held(Lease lease, string holder) => lease with { Spec = lease.Spec with { HolderIdentity = holder } };

    private static async Task<KubernetesException> Refusal(Func<Task> call) => await Assert.ThrowsAsync<KubernetesException>(call);

    private Lease New(string name, string holder) => new()
    {
        Metadata = new ObjectMeta { Name = $"{_prefix}-{name}", Namespace = "default", Labels = new Dictionary<string, string> { ["cscm.io/test"] = _prefix } },
        Spec = new LeaseSpec { HolderIdentity = holder },
    };

    private async Task<Lease> CreateAsync(string name, string holder)
    {
        Lease lease = New(name, holder);
        _made.Add(lease.Metadata.Name);
        return await Client.CreateAsync(_leases, lease, default);
    }
}

/// <summary>A test that needs a real API server.</summary>
public sealed class RealServerFactAttribute : FactAttribute
{
    public RealServerFactAttribute()
        => Skip = string.IsNullOrEmpty(Environment.GetEnvironmentVariable("KUBECONFIG")) ? "no API server: set KUBECONFIG to a cluster whose leases in namespace default may be written" : null;
}
