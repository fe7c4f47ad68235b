using YamlDotNet.RepresentationModel;

namespace Cscm.Chart.Tests;

/// <summary>
/// Every right that the chart grants, and who needs it for what. A right without a line here, or a line without a right, is a mistake.
/// </summary>
public sealed class RightsTests
{
    /// <summary>role → group/resource → verb → who does it.</summary>
    private static readonly (string Role, string Resource, string Verbs, string Why)[] s_table =
    [
        ("controller", "cscm.io/scmvolumes", "get list watch create update delete", "VolumeOrders by Informer and Orders; NodeLoss lets go"),
        ("controller", "cscm.io/scmsnapshots", "get list watch create update delete", "SnapshotOrders by Informer and Orders; NodeLoss lets go"),
        ("controller", "cscm.io/scmnodes", "get list watch", "NodeChooser by Informer"),
        ("controller", "/nodes", "get", "NodeLoss.IsLostAsync"),
        ("controller", "/persistentvolumes", "list", "OrphanSearch.FindVolumesAsync"),
        ("controller", "snapshot.storage.k8s.io/volumesnapshotcontents", "list", "OrphanSearch.FindSnapshotsAsync"),
        ("controller", "groupsnapshot.storage.k8s.io/volumegroupsnapshotcontents", "list", "OrphanSearch.FindSnapshotsAsync"),
        ("sidecars", "/persistentvolumes", "get list watch create patch delete", "provisioner makes, protects and deletes; resizer sets the size"),
        ("sidecars", "/persistentvolumeclaims", "get list watch update", "provisioner: the chosen node, protection of a clone's source"),
        ("sidecars", "/persistentvolumeclaims/status", "patch", "resizer"),
        ("sidecars", "/nodes", "get list watch", "provisioner: topology"),
        ("sidecars", "/pods", "get list watch", "resizer: is the claim in use; provisioner: the owner of capacity objects"),
        ("sidecars", "/events", "create update patch", "all three, in the claims' namespaces"),
        ("sidecars", "storage.k8s.io/storageclasses", "get list watch", "provisioner, resizer"),
        ("sidecars", "storage.k8s.io/csinodes", "get list watch", "provisioner: topology keys"),
        ("sidecars", "storage.k8s.io/volumeattributesclasses", "get list watch", "provisioner, resizer: mutable parameters"),
        ("sidecars", "snapshot.storage.k8s.io/volumesnapshots", "get list watch update", "provisioner: restoring, protection while it does"),
        ("sidecars", "snapshot.storage.k8s.io/volumesnapshotclasses", "get list watch", "snapshotter"),
        ("sidecars", "snapshot.storage.k8s.io/volumesnapshotcontents", "get list watch update patch", "snapshotter; provisioner reads"),
        ("sidecars", "snapshot.storage.k8s.io/volumesnapshotcontents/status", "update patch", "snapshotter"),
        ("sidecars", "groupsnapshot.storage.k8s.io/volumegroupsnapshotclasses", "get list watch", "snapshotter"),
        ("sidecars", "groupsnapshot.storage.k8s.io/volumegroupsnapshotcontents", "get list watch update patch", "snapshotter"),
        ("sidecars", "groupsnapshot.storage.k8s.io/volumegroupsnapshotcontents/status", "update patch", "snapshotter"),
        ("leases", "coordination.k8s.io/leases", "get create update", "LeaderElection of ours and of the sidecars"),
        ("leases", "storage.k8s.io/csistoragecapacities", "get list watch create update patch delete", "provisioner --enable-capacity"),
        ("leases", "apps/replicasets", "get", "provisioner --capacity-ownerref-level=2"),
        ("node", "cscm.io/scmvolumes", "get list watch update", "VolumeReconciler by Informer; ObjectWriter.ReleaseAsync"),
        ("node", "cscm.io/scmsnapshots", "get list watch update", "SnapshotReconciler by Informer; ObjectWriter.ReleaseAsync"),
        ("node", "cscm.io/scmvolumes/status", "patch", "ObjectWriter.WriteStatusAsync"),
        ("node", "cscm.io/scmsnapshots/status", "patch", "ObjectWriter.WriteStatusAsync"),
        ("node", "cscm.io/scmnodes/status", "patch", "NodeReporter.PublishAsync"),
        ("node", "cscm.io/scmnodes", "create patch", "NodeReporter.PublishAsync: apply makes it"),
        ("node", "/nodes", "get", "NodeReporter.DescribeAsync: owner"),
        ("events", "/events", "create", "EventRecorder, for objects without a namespace"),
    ];

    [Fact]
    public void Every_right_is_one_that_somebody_needs()
    {
        var granted = new SortedSet<string>(StringComparer.Ordinal);
        foreach (YamlMappingNode role in Documents.Committed(ValueSet.Find("everything-on")).Where(item => item.Kind() is "Role" or "ClusterRole"))
        {
            string name = role.Name()["scm-two-".Length..];
            foreach (YamlNode rule in role.List("rules"))
            {
                Assert.Null(rule.Find("nonResourceURLs"));
                foreach (string resource in rule.Texts("apiGroups").SelectMany(group => rule.Texts("resources").Select(resource => $"{group}/{resource}")))
                    granted.UnionWith(rule.Texts("verbs").Select(verb => $"{(role.Kind() == "Role" && name == "controller" ? "leases" : name)}: {verb} {resource}"));
            }
        }
        string[] needed = [.. s_table.SelectMany(line => line.Verbs.Split(' ').Select(verb => $"{line.Role}: {verb} {line.Resource}")).Order(StringComparer.Ordinal)];
        Assert.All(s_table, line => Assert.NotEmpty(line.Why));
        Assert.Equal(needed, granted);
        Assert.DoesNotContain(granted, right => right.Contains('*') || right.Contains("secrets", StringComparison.Ordinal));
    }

    [Theory]
    [MemberData(nameof(ValueSet.Names), MemberType = typeof(ValueSet))]
    public void Bindings_bind_roles_that_are_there_to_accounts_that_are_there(string name)
    {
        IReadOnlyList<YamlMappingNode> objects = Documents.Committed(ValueSet.Find(name));
        string[] roles = [.. objects.Where(item => item.Kind() is "Role" or "ClusterRole").Select(item => $"{item.Kind()} {item.FindText("metadata", "namespace")}/{item.Name()}")];
        string[] accounts = [.. objects.Where(item => item.Kind() == "ServiceAccount").Select(item => $"{item.Text("metadata", "namespace")}/{item.Name()}")];
        var bound = new HashSet<string>();
        foreach (YamlMappingNode binding in objects.Where(item => item.Kind() is "RoleBinding" or "ClusterRoleBinding"))
        {
            string role = $"{binding.Text("roleRef", "kind")} {binding.FindText("metadata", "namespace")}/{binding.Text("roleRef", "name")}";
            Assert.Contains(role, roles);
            bound.Add(role);
            YamlNode subject = Assert.Single(binding.List("subjects"));
            Assert.Contains($"{subject.Text("namespace")}/{subject.Text("name")}", accounts);
        }
        Assert.Equal(roles.Order(), bound.Order());
    }
}
