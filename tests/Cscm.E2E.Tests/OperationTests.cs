using System.Diagnostics;
using Xunit.Abstractions;

namespace Cscm.E2E.Tests;

/// <summary>What operators do, with volumes in use.</summary>
[Collection(ClusterGroup.Name)]
public sealed class OperationTests(ITestOutputHelper output)
{
    private const string Heap = "/mnt/scm/orders.heap";

    [ClusterFact]
    public void Helm_test_passes()
        => Assert.Contains("Succeeded", Command.Run("helm", ["test", "cscm", "--namespace", Installation.Namespace, "--timeout", "5m"]), StringComparison.Ordinal);

    [ClusterFact]
    public void Every_node_shows_its_pools()
        => Assert.NotEqual("", Command.Run("kubectl", ["get", "scmnodes", "-o", "jsonpath={.items[*].status.pools[*].name}"]));

    [ClusterFact]
    public void Driver_pods_may_be_killed_while_volumes_are_in_use()
    {
        using var space = new Space();
        space.Claim("claim", "256Mi");
        // Runs until it is deleted: far more orders than it can hold in the time.
        space.Start("busy", Space.Of("claim"), ["bench", "stream", "--path", "/mnt/scm", "--elements", "1000000", "--repetitions", "1000000"]);
        Space.Await(() => space.Phase("busy"), "Running", () => space.Kubectl("describe", "pod", "busy"));
        Command.Run("kubectl", ["--namespace", Installation.Namespace, "delete", "pods", "--selector", "app.kubernetes.io/name=cscm", "--force", "--grace-period=0"]);
        space.Claim("next", "256Mi");
        space.Run("after", "next", Space.Insert(Heap, 10));
        Assert.Equal("Running", space.Phase("busy"));
        space.Kubectl("delete", "pod", "busy");
    }

    [ClusterFact]
    public void Uninstalling_leaves_volumes_and_their_data()
    {
        using var space = new Space();
        space.Claim("claim", "256Mi");
        space.Run("writer", "claim", Space.Insert(Heap, 1000));
        space.Kubectl("delete", "pod", "writer");
        string volumes = Command.Run("kubectl", ["get", "scmvolumes", "-o", "name"]);
        Assert.NotEqual("", volumes);
        Installation.Uninstall();
        Assert.Equal(volumes, Command.Run("kubectl", ["get", "scmvolumes", "-o", "name"]));
        Installation.Install();
        Assert.Contains("count=1000 ", space.Run("reader", "claim", Space.Verify(Heap)), StringComparison.Ordinal);
    }

    [ClusterFact]
    public void A_hundred_claims_at_once_are_all_bound()
    {
        using var space = new Space();
        var clock = Stopwatch.StartNew();
        for (int i = 0; i < 100; i++)
        {
            space.Claim($"claim-{i}", "16Mi", storageClass: "cscm-dram");
            space.Start($"pod-{i}", Space.Of($"claim-{i}"), ["bench", "stream", "--path", "/mnt/scm", "--elements", "100000", "--repetitions", "2"]);
        }
        Space.Await(
            () => $"{space.Kubectl("get", "pvc", "-o", "jsonpath={.items[*].status.phase}").Split(' ').Count(phase => phase == "Bound")}", "100",
            () => space.Kubectl("get", "events"), TimeSpan.FromMinutes(5));
        output.WriteLine($"claims_per_s={100 / clock.Elapsed.TotalSeconds:0.0}");
    }
}
