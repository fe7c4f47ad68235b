using YamlDotNet.RepresentationModel;

namespace Cscm.Chart.Tests;

/// <summary>Every object of every value set: whole, named, and what it refers to is there.</summary>
public sealed class ObjectTests
{
    private static readonly string[] s_scopeless = ["ClusterRole", "ClusterRoleBinding", "CSIDriver", "StorageClass", "VolumeSnapshotClass", "VolumeGroupSnapshotClass"];

    [Theory]
    [MemberData(nameof(ValueSet.Names), MemberType = typeof(ValueSet))]
    public void Objects_have_a_type_a_name_of_their_own_and_the_charts_labels(string name)
    {
        IReadOnlyList<YamlMappingNode> objects = Documents.Committed(ValueSet.Find(name));
        Assert.NotEmpty(objects);
        Assert.All(objects, item =>
        {
            Assert.NotEmpty(item.Text("apiVersion"));
            Dictionary<string, string> labels = item.Map("metadata", "labels");
            Assert.Equal("cscm", labels["app.kubernetes.io/name"]);
            Assert.Equal(ValueSet.Release, labels["app.kubernetes.io/instance"]);
            Assert.Equal("Helm", labels["app.kubernetes.io/managed-by"]);
            Assert.Equal(s_scopeless.Contains(item.Kind()), item.FindText("metadata", "namespace") is null);
        });
        string[] keys = [.. objects.Select(item => $"{item.Kind()} {item.FindText("metadata", "namespace")}/{item.Name()}")];
        Assert.Equal(keys.Length, keys.Distinct().Count());
    }

    [Theory]
    [MemberData(nameof(ValueSet.Names), MemberType = typeof(ValueSet))]
    public void Selectors_select_the_pods_that_they_mean_and_no_other_workloads(string name)
    {
        IReadOnlyList<YamlMappingNode> objects = Documents.Committed(ValueSet.Find(name));
        YamlMappingNode[] workloads = [.. Pods.Workloads(objects)];
        foreach (YamlMappingNode workload in workloads)
        {
            Dictionary<string, string> selector = workload.Map("spec", "selector", "matchLabels");
            Assert.Equal([workload.Name()], workloads.Where(other => Matches(selector, PodLabels(other))).Select(other => other.Name()));
        }
        foreach (YamlMappingNode budget in objects.Where(item => item.Kind() == "PodDisruptionBudget"))
            Assert.Equal("Deployment", Assert.Single(workloads, workload => Matches(budget.Map("spec", "selector", "matchLabels"), PodLabels(workload))).Kind());
        foreach (YamlMappingNode service in objects.Where(item => item.Kind() == "Service"))
            Assert.All(workloads, workload => Assert.True(Matches(service.Map("spec", "selector"), PodLabels(workload))));
        foreach (YamlMappingNode policy in objects.Where(item => item.Kind() == "NetworkPolicy"))
        {
            string[] components = policy.List("spec", "podSelector", "matchExpressions").Single().Texts("values");
            Assert.All(workloads, workload => Assert.Contains(PodLabels(workload)["app.kubernetes.io/component"], components));
        }
    }

    [Theory]
    [MemberData(nameof(ValueSet.Names), MemberType = typeof(ValueSet))]
    public void What_a_pod_refers_to_is_there(string name)
    {
        IReadOnlyList<YamlMappingNode> objects = Documents.Committed(ValueSet.Find(name));
        string[] accounts = [.. objects.Where(item => item.Kind() == "ServiceAccount").Select(item => item.Name())];
        foreach ((YamlMappingNode owner, YamlNode pod) in Pods.Of(objects))
        {
            if (accounts.Length > 0 && pod.FindText("serviceAccountName") is string account)
                Assert.Contains(account, accounts);
            string[] volumes = [.. pod.List("volumes").Select(volume => volume.Text("name"))];
            foreach (YamlNode container in pod.List("containers"))
            {
                string[] mounted = [.. container.List("volumeMounts").Select(mount => mount.Text("name"))];
                Assert.Empty(mounted.Except(volumes));
                string[] ports = [.. container.List("ports").Select(port => port.Text("name"))];
                Assert.All(ports, port => Assert.InRange(port.Length, 1, 15));
                foreach (string probe in (string[])["startupProbe", "livenessProbe", "readinessProbe"])
                {
                    if (container.Find(probe, "httpGet") is YamlNode get)
                        Assert.Contains(get.Text("port"), ports);
                }
            }
            string[] used = [.. pod.List("containers").SelectMany(container => container.List("volumeMounts")).Select(mount => mount.Text("name")).Distinct()];
            Assert.Equal(volumes.Order(), used.Order());
            string[] numbers = [.. pod.List("containers").SelectMany(container => container.List("ports")).Select(port => port.Text("containerPort"))];
            Assert.True(numbers.Length == numbers.Distinct().Count(), $"{owner.Name()}: containers of one pod share its ports: {string.Join(", ", numbers)}");
        }
    }

    [Theory]
    [MemberData(nameof(ValueSet.Names), MemberType = typeof(ValueSet))]
    public void Classes_name_the_driver_and_pools_that_nodes_have(string name)
    {
        IReadOnlyList<YamlMappingNode> objects = Documents.Committed(ValueSet.Find(name));
        string driver = Assert.Single(objects, item => item.Kind() == "CSIDriver").Name();
        HashSet<string> pools = [.. Pods.Of(objects).SelectMany(found => found.Pod.List("containers")).SelectMany(container => container.Texts("args"))
            .Where(argument => argument.StartsWith("--pool=", StringComparison.Ordinal)).Select(argument => argument.Split(['=', ','])[2])];
        Assert.NotEmpty(pools);
        YamlMappingNode[] classes = [.. objects.Where(item => item.Kind() == "StorageClass")];
        Assert.NotEmpty(classes);
        Assert.All(classes, item =>
        {
            Assert.Equal(driver, item.Text("provisioner"));
            Assert.Equal("WaitForFirstConsumer", item.Text("volumeBindingMode"));
            Assert.True(item.IsTrue("allowVolumeExpansion"));
            Assert.Contains(item.Text("parameters", "pool"), pools);
        });
        Assert.All(objects.Where(item => item.Kind() is "VolumeSnapshotClass" or "VolumeGroupSnapshotClass"), item => Assert.Equal(driver, item.Text("driver")));
        Assert.Equal($"{driver}/csi.sock", Assert.Single(Pods.Of(objects).SelectMany(found => found.Pod.List("containers")).SelectMany(container => container.Texts("args"))
            .Where(argument => argument.StartsWith("--kubelet-registration-path=", StringComparison.Ordinal)).Select(argument => argument[(argument.IndexOf("/plugins/", StringComparison.Ordinal) + "/plugins/".Length)..]).Distinct()));
    }

    [Fact]
    public void The_driver_object_says_what_the_driver_is()
    {
        YamlNode spec = Documents.Committed(ValueSet.Find("default")).Single(item => item.Kind() == "CSIDriver").At("spec");
        Assert.Equal("false", spec.Text("attachRequired"));
        Assert.True(spec.IsTrue("podInfoOnMount"));
        Assert.True(spec.IsTrue("storageCapacity"));
        Assert.True(spec.IsTrue("seLinuxMount"));
        Assert.Equal("File", spec.Text("fsGroupPolicy"));
        Assert.Equal(["Persistent", "Ephemeral"], spec.Texts("volumeLifecycleModes"));
    }

    [Fact]
    public void Every_node_belongs_to_one_group_at_most()
    {
        YamlMappingNode[] groups = [.. Documents.Committed(ValueSet.Find("default")).Where(item => item.Kind() == "DaemonSet")];
        YamlMappingNode scm = groups.Single(item => item.Name().EndsWith("-scm", StringComparison.Ordinal)), other = groups.Single(item => !ReferenceEquals(item, scm));
        Assert.Equal("true", scm.Map("spec", "template", "spec", "nodeSelector")["cscm.io/scm"]);
        YamlNode term = Assert.Single(other.List("spec", "template", "spec", "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms"));
        YamlNode expression = Assert.Single(term.List("matchExpressions"));
        Assert.Equal(("cscm.io/scm", "NotIn", "true"), (expression.Text("key"), expression.Text("operator"), expression.Texts("values").Single()));
    }

    /// <summary>Objects in crds/ are installed before all others and are none of the release's: uninstalling leaves them and all volumes.</summary>
    [Fact]
    public void Custom_resources_outlive_the_release()
    {
        string[] definitions = [.. Directory.GetFiles(Path.Combine(ValueSet.Chart, "crds"), "*.yaml").Select(file => Documents.Parse(File.ReadAllText(file))).Select(item => $"{item.Kind()} {item.Name()}").Order()];
        Assert.Equal(["CustomResourceDefinition scmnodes.cscm.io", "CustomResourceDefinition scmsnapshots.cscm.io", "CustomResourceDefinition scmvolumes.cscm.io"], definitions);
        Assert.All(ValueSet.All, set => Assert.DoesNotContain(Documents.Committed(set), item => item.Kind() == "CustomResourceDefinition"));
    }

    private static Dictionary<string, string> PodLabels(YamlMappingNode workload) => workload.Map("spec", "template", "metadata", "labels");

    private static bool Matches(Dictionary<string, string> selector, Dictionary<string, string> labels)
        => selector.Count > 0 && selector.All(pair => labels.TryGetValue(pair.Key, out string? value) && value == pair.Value);
}
