using System.Text.Json.Nodes;

namespace Cscm.E2E.Tests;

/// <summary>What users do with volumes, from claims to pods.</summary>
[Collection(ClusterGroup.Name)]
public sealed class VolumeTests
{
    private const string Heap = "/mnt/scm/orders.heap";

    [ClusterFact]
    public void Data_outlives_its_pod_and_is_its_claims_alone()
    {
        using var space = new Space();
        space.Claim("one", "256Mi");
        space.Claim("two", "256Mi");
        Assert.Contains("inserted=1000", space.Run("writer", "one", Space.Insert(Heap, 1000)), StringComparison.Ordinal);
        space.Kubectl("delete", "pod", "writer");
        Assert.Contains("count=1000 ", space.Run("reader", "one", Space.Verify(Heap)), StringComparison.Ordinal);
        space.Start("stranger", Space.Of("two"), Space.Verify(Heap));
        Space.Await(() => space.Phase("stranger"), "Failed");
    }

    [ClusterFact]
    public void A_volume_has_what_its_claim_asked_for_and_the_operator_sees_where()
    {
        using var space = new Space();
        space.Claim("claim", "256Mi");
        space.Run("writer", "claim", Space.Insert(Heap, 1));
        JsonNode claim = space.Get("pvc", "claim");
        string handle = JsonNode.Parse(Command.Run("kubectl", ["get", "pv", (string)claim["spec"]!["volumeName"]!, "-o", "json"]))!["spec"]!["csi"]!["volumeHandle"]!.GetValue<string>();
        JsonNode volume = JsonNode.Parse(Command.Run("kubectl", ["get", "scmvolume", handle, "-o", "json"]))!;
        Assert.Equal("Ready", (string?)volume["status"]!["phase"]);
        Assert.True((long)volume["status"]!["capacityBytes"]! >= 256L << 20);
        Assert.Equal(space.Kubectl("get", "pod", "writer", "-o", "jsonpath={.spec.nodeName}"), (string?)volume["spec"]!["node"]);
    }

    [ClusterFact]
    public void A_volume_grows_while_it_is_kept()
    {
        using var space = new Space();
        space.Claim("claim", "256Mi");
        space.Run("before", "claim", Space.Insert(Heap, 1000));
        space.Kubectl("delete", "pod", "before");
        space.Claim("claim", "512Mi");
        // A pod that came before this would be over before the kubelet looked at the claim again.
        Space.Await(
            () => Command.Run("kubectl", ["get", "pv", (string)space.Get("pvc", "claim")["spec"]!["volumeName"]!, "-o", "jsonpath={.spec.capacity.storage}"]), "512Mi",
            () => space.Kubectl("describe", "pvc", "claim"));
        space.Start("after", Space.Of("claim"), Space.Verify(Heap));
        Space.Await(() => space.Phase("after"), "Succeeded", () => space.Kubectl("describe", "pod", "after"));
        Space.Await(() => Capacity(space), "512Mi", () => space.Kubectl("describe", "pvc", "claim"));
    }

    [ClusterFact]
    public void A_volume_grows_while_it_is_used()
    {
        using var space = new Space();
        space.Claim("claim", "64Mi", storageClass: "cscm-dram");
        space.StartBusy("busy", "claim");
        space.Claim("claim", "128Mi", storageClass: "cscm-dram");
        Space.Await(() => Capacity(space), "128Mi", () => space.Kubectl("describe", "pvc", "claim"));
        Assert.Equal("Running", space.Phase("busy"));
        space.Kubectl("delete", "pod", "busy");
    }

    private static string Capacity(Space space) => space.Kubectl("get", "pvc", "claim", "-o", "jsonpath={.status.capacity.storage}");

    [SnapshotFact]
    public void Snapshots_restore_and_claims_clone_what_was_there()
    {
        using var space = new Space();
        space.Claim("source", "256Mi");
        space.Run("first", "source", Space.Insert(Heap, 1000));
        space.Apply(JsonNode.Parse("""
            {"apiVersion": "snapshot.storage.k8s.io/v1", "kind": "VolumeSnapshot", "metadata": {"name": "snapshot"},
             "spec": {"volumeSnapshotClassName": "cscm", "source": {"persistentVolumeClaimName": "source"}}}
            """)!);
        Space.Await(() => space.Kubectl("get", "volumesnapshot", "snapshot", "-o", "jsonpath={.status.readyToUse}"), "true", () => space.Kubectl("describe", "volumesnapshot", "snapshot"));
        space.Run("second", "source", Space.Insert(Heap, 2000));
        space.Claim("restored", "256Mi", source: JsonNode.Parse("""{"apiGroup": "snapshot.storage.k8s.io", "kind": "VolumeSnapshot", "name": "snapshot"}"""));
        space.Claim("cloned", "256Mi", source: JsonNode.Parse("""{"kind": "PersistentVolumeClaim", "name": "source"}"""));
        Assert.Contains("count=1000 ", space.Run("restored", "restored", Space.Verify(Heap)), StringComparison.Ordinal);
        Assert.Contains("count=2000 ", space.Run("cloned", "cloned", Space.Verify(Heap)), StringComparison.Ordinal);
    }

    [SnapshotFact("volumegroupsnapshots.groupsnapshot.storage.k8s.io")]
    public void A_group_snapshot_restores_each_of_its_claims()
    {
        using var space = new Space();
        foreach (string claim in (string[])["first", "second"])
            space.Claim(claim, "128Mi", app: "ledger");
        space.Run("one", "first", Space.Insert(Heap, 1000));
        space.Run("two", "second", Space.Insert(Heap, 2000), node: space.Kubectl("get", "pod", "one", "-o", "jsonpath={.spec.nodeName}"));
        space.Apply(JsonNode.Parse("""
            {"apiVersion": "groupsnapshot.storage.k8s.io/v1", "kind": "VolumeGroupSnapshot", "metadata": {"name": "together"},
             "spec": {"volumeGroupSnapshotClassName": "cscm", "source": {"selector": {"matchLabels": {"app": "ledger"}}}}}
            """)!);
        Space.Await(
            () => space.Kubectl("get", "volumegroupsnapshot", "together", "-o", "jsonpath={.status.readyToUse}"), "true", () => space.Kubectl("describe", "volumegroupsnapshot", "together"));
        Dictionary<string, string> members = space.Kubectl("get", "volumesnapshots", "-o", "jsonpath={range .items[*]}{.spec.source.persistentVolumeClaimName}={.metadata.name} {end}")
            .Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(pair => pair.Split('=')).ToDictionary(pair => pair[0], pair => pair[1]);
        Assert.Equal(["first", "second"], members.Keys.Order());
        Assert.Single(Command.Run("kubectl", ["get", "scmsnapshots", "-o", "name"]).Split('\n'));
        foreach ((string claim, string count) in (ReadOnlySpan<(string, string)>)[("first", "1000"), ("second", "2000")])
        {
            space.Run($"later-{claim}", claim, Space.Insert(Heap, 3000));
            space.Claim($"restored-{claim}", "128Mi", source: JsonNode.Parse($$"""{"apiGroup": "snapshot.storage.k8s.io", "kind": "VolumeSnapshot", "name": "{{members[claim]}}"}"""));
            Assert.Contains($"count={count} ", space.Run($"restored-{claim}", $"restored-{claim}", Space.Verify(Heap)), StringComparison.Ordinal);
        }
        space.Kubectl("delete", "volumegroupsnapshot", "together");
        Space.Await(() => Command.Run("kubectl", ["get", "scmsnapshots", "-o", "name"]), "", () => Command.Run("kubectl", ["get", "scmsnapshots,volumegroupsnapshotcontents", "-o", "yaml"]));
    }

    [ClusterFact]
    public void An_inline_volume_lives_and_dies_with_its_pod()
    {
        using var space = new Space();
        string before = Command.Run("kubectl", ["get", "scmvolumes", "-o", "name"]);
        space.Start("scratch", JsonNode.Parse("""{"csi": {"driver": "cscm.io", "volumeAttributes": {"pool": "dram", "size": "128Mi"}}}""")!.AsObject(), Space.Insert(Heap, 100));
        Space.Await(() => space.Phase("scratch"), "Succeeded", () => space.Kubectl("describe", "pod", "scratch"));
        space.Kubectl("delete", "pod", "scratch");
        Assert.Equal(before, Command.Run("kubectl", ["get", "scmvolumes", "-o", "name"]));
    }

    [ClusterFact]
    public void A_raw_block_volume_keeps_its_data()
    {
        using var space = new Space();
        space.Claim("block", "256Mi", mode: "Block");
        space.Run("writer", "block", Space.Insert("/dev/scm", 100), isBlock: true);
        Assert.Contains("count=100 ", space.Run("reader", "block", Space.Verify("/dev/scm"), isBlock: true), StringComparison.Ordinal);
    }

    /// <summary>All pods here run as user and group 1000 with fsGroup 1000; this one would fail first.</summary>
    [ClusterFact]
    public void The_volumes_root_is_the_pods_groups_and_read_only_is_read_only()
    {
        using var space = new Space();
        space.Claim("claim", "256Mi");
        space.Run("writer", "claim", Space.Insert(Heap, 10));
        space.Start("refused", Space.Of("claim"), Space.Insert("/mnt/scm/other.heap", 10), isReadOnly: true);
        Space.Await(() => space.Phase("refused"), "Failed");
        Assert.Contains("ead-only", space.Logs("refused"), StringComparison.Ordinal);
    }

    [ClusterFact]
    public void A_claim_that_fits_nowhere_waits_and_says_why()
    {
        using var space = new Space();
        space.Claim("huge", "900Ti");
        space.Start("pod", Space.Of("huge"), Space.Verify(Heap));
        Space.Await(() => space.Kubectl("get", "events", "--field-selector", "involvedObject.name=pod,reason=FailedScheduling", "-o", "jsonpath={.items[*].reason}").Split(' ')[0], "FailedScheduling");
        Assert.Contains("enough free storage", space.Kubectl("get", "events", "--field-selector", "involvedObject.name=pod"), StringComparison.Ordinal);
        Assert.Equal("Pending", space.Phase("pod"));
    }
}
