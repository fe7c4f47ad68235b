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
    {
        Assert.Contains("Succeeded", Command.Run("helm", ["test", "cscm", "--namespace", Installation.Namespace, "--timeout", Patience.Argument(5)]), StringComparison.Ordinal);
        // As the chart's notes say; its volume goes with it, while there is a driver that can delete it.
        Command.Run("kubectl", ["--namespace", Installation.Namespace, "delete", "pod", "cscm-test-volume"]);
        Space.Await(() => Command.Run("kubectl", ["get", "pv", "-o", $"jsonpath={{.items[?(@.spec.claimRef.namespace==\"{Installation.Namespace}\")].metadata.name}}"]), "");
    }

    [ClusterFact]
    public void Every_node_shows_its_pools()
        => Assert.NotEqual("", Command.Run("kubectl", ["get", "scmnodes", "-o", "jsonpath={.items[*].status.pools[*].name}"]));

    [ClusterFact]
    public void Driver_pods_may_be_killed_while_volumes_are_in_use()
    {
        using var space = new Space();
        space.Claim("claim", "256Mi");
        space.StartBusy("busy", "claim");
        Installation.KillDriver();
        space.Claim("next", "256Mi");
        space.Run("after", "next", Space.Insert(Heap, 10));
        Assert.Equal("Running", space.Phase("busy"));
        space.Kubectl("delete", "pod", "busy");
    }

    /// <summary>Ten volumes on their way through creation, mounting, use, unmounting and deletion while all driver pods die again and again.</summary>
    [ClusterFact]
    public void Driver_pods_may_be_killed_at_every_stage()
    {
        const int Volumes = 10, Deaths = 4;
        using var space = new Space();
        for (int i = 0; i < Volumes; i++)
        {
            space.Claim($"claim-{i}", "64Mi");
            space.Start($"pod-{i}", Space.Of($"claim-{i}"), Space.Insert(Heap, 10, size: 16 << 20));
            if (i % (Volumes / Deaths) == 0)
                Installation.KillDriver();
        }
        Space.Await(
            () => $"{space.Kubectl("get", "pods", "-o", "jsonpath={.items[*].status.phase}").Split(' ').Count(phase => phase == "Succeeded")}", $"{Volumes}",
            () => space.Kubectl("get", "pods,events"), Patience.Minutes(5));
        string[] volumes = [.. Enumerable.Range(0, Volumes).Select(i => space.VolumeOf($"claim-{i}"))];
        space.Kubectl("delete", "pods,pvc", "--all", "--wait=false");
        Installation.KillDriver();
        Space.Await(
            () => $"{volumes.Count(volume => Command.TryRun("kubectl", ["get", "scmvolume", volume]).ExitCode == 0)} left", "0 left",
            () => Command.Run("kubectl", ["get", "scmvolumes"]), Patience.Minutes(5));
    }

    [ClusterFact]
    public void An_upgrade_leaves_mounted_volumes_alone()
    {
        using var space = new Space();
        space.Claim("claim", "256Mi");
        space.StartBusy("busy", "claim");
        string before = Pods();
        // Anything that gives both pods a new template.
        Installation.Install("--set", "podAnnotations.upgraded=yes");
        // Helm does not wait for the last of the old ones to end.
        Space.Await(() => $"{before.Split(' ').Intersect(Pods().Split(' ')).Count()} old", "0 old");
        space.Claim("next", "256Mi");
        space.Run("after", "next", Space.Insert(Heap, 10));
        Assert.Equal("Running", space.Phase("busy"));
        space.Kubectl("delete", "pod", "busy");
        static string Pods() => Command.Run("kubectl", ["--namespace", Installation.Namespace, "get", "pods", "--selector", "app.kubernetes.io/component in (controller,node)", "-o", "jsonpath={.items[*].metadata.uid}"]);
    }

    [ClusterFactWith("CSCM_E2E_RESTART_API", "a program that restarts the cluster's API server and returns when it answers again")]
    public void The_api_server_may_be_restarted()
    {
        using var space = new Space();
        space.Claim("claim", "256Mi");
        space.StartBusy("busy", "claim");
        Command.Run(Environment.GetEnvironmentVariable("CSCM_E2E_RESTART_API")!, []);
        space.Claim("next", "256Mi");
        space.Run("after", "next", Space.Insert(Heap, 10));
        Assert.Equal("Running", space.Phase("busy"));
        space.Kubectl("delete", "pod", "busy");
    }

    [ClusterFactWith("CSCM_E2E_SPARE_NODE", "a node, not the controllers', that the cluster may lose: its Node object is deleted and not made again")]
    public void Volumes_of_a_node_that_is_gone_for_good_can_be_deleted()
    {
        string node = Environment.GetEnvironmentVariable("CSCM_E2E_SPARE_NODE")!;
        using var space = new Space();
        space.Claim("claim", "64Mi");
        space.Start("writer", Space.Of("claim"), Space.Insert(Heap, 10, size: 16 << 20), node: node);
        Space.Await(() => space.Phase("writer"), "Succeeded", () => space.Kubectl("describe", "pod", "writer"));
        string volume = space.VolumeOf("claim");
        space.Kubectl("delete", "pod", "writer");
        Command.Run("kubectl", ["delete", "node", node]);
        space.Kubectl("delete", "pvc", "claim", "--wait=false");
        Space.Await(
            () => $"{Command.TryRun("kubectl", ["get", "scmvolume", volume]).ExitCode}", "1", () => Command.Run("kubectl", ["get", "scmvolume", volume, "-o", "yaml"]), Patience.Minutes(5));
        Space.Await(() => $"{Command.TryRun("kubectl", ["get", "scmnode", node]).ExitCode}", "1");
    }

    [ClusterFactWith("CSCM_E2E_SCM", "1: class cscm is real storage class memory on labelled nodes")]
    public void A_volume_on_storage_class_memory_is_proven_to_be_dax()
    {
        using var space = new Space();
        space.Claim("claim", "256Mi");
        string probed = space.Run("probe", "claim", ["probe", "/mnt/scm"]);
        Assert.Contains("MAP_SYNC", probed, StringComparison.Ordinal);
        Space.Await(
            () => Command.Run("kubectl", ["get", "scmvolume", space.VolumeOf("claim"), "-o", "jsonpath={.status.conditions[?(@.type==\"DaxProven\")].status}"]), "True", () => probed);
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
            space.Claim($"claim-{i}", "8Mi", storageClass: "cscm-dram");
            space.Start($"pod-{i}", Space.Of($"claim-{i}"), ["bench", "stream", "--path", "/mnt/scm", "--elements", "100000", "--repetitions", "2"]);
        }
        Space.Await(
            () => $"{space.Kubectl("get", "pvc", "-o", "jsonpath={.items[*].status.phase}").Split(' ').Count(phase => phase == "Bound")}", "100",
            () => space.Kubectl("get", "events"), Patience.Minutes(5));
        output.WriteLine($"claims_per_s={100 / clock.Elapsed.TotalSeconds:0.0}");
    }
}
