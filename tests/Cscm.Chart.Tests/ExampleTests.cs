using YamlDotNet.RepresentationModel;

namespace Cscm.Chart.Tests;

/// <summary>The examples fit what the chart installs, and run what the command line knows.</summary>
public sealed class ExampleTests
{
    private const string ToolsImage = "cscm.io/cscm-tools:";

    private static string[] All { get; } = [.. Directory.GetFiles(Path.Combine(RepositoryRoot.Path, "examples"), "*.yaml").Select(file => Path.GetFileName(file))];

    public static TheoryData<string> Files() => [.. All];

    [Theory]
    [MemberData(nameof(Files))]
    public void An_example_fits_the_chart(string file)
    {
        foreach (string set in (string[])["default", "trial"])
        {
            IReadOnlyList<YamlMappingNode> installed = Documents.Committed(ValueSet.Find(set));
            string[] classes = [.. NamesOf(installed, "StorageClass")], snapshotClasses = [.. NamesOf(installed, "VolumeSnapshotClass")];
            string[] groupClasses = [.. NamesOf(installed, "VolumeGroupSnapshotClass")], drivers = [.. NamesOf(installed, "CSIDriver")];
            string[] images = [.. Pods.Of(installed).SelectMany(found => found.Pod.List("containers")).Select(container => container.Text("image")).Where(image => image.StartsWith(ToolsImage, StringComparison.Ordinal))];
            HashSet<string> pools = [.. Pods.Of(installed).SelectMany(found => found.Pod.List("containers")).SelectMany(container => container.Texts("args"))
                .Where(argument => argument.StartsWith("--pool=", StringComparison.Ordinal)).Select(argument => argument.Split(['=', ','])[2])];
            foreach (YamlNode node in Objects(file).SelectMany(item => item.Descendants()))
            {
                if (node.FindText("storageClassName") is string name)
                    Assert.Contains(name, classes);
                if (node.FindText("volumeSnapshotClassName") is string snapshotClass)
                    Assert.Contains(snapshotClass, snapshotClasses);
                if (node.FindText("volumeGroupSnapshotClassName") is string groupClass)
                    Assert.Contains(groupClass, groupClasses);
                if (node.Find("csi") is YamlNode inline)
                {
                    Assert.Contains(inline.Text("driver"), drivers);
                    Assert.Contains(inline.Text("volumeAttributes", "pool"), pools);
                }
                if (node.FindText("image") is string image && image.Contains("cscm", StringComparison.Ordinal))
                    Assert.Contains(image, images);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Files))]
    public void An_examples_pods_are_confined_and_find_their_claims(string file)
    {
        YamlMappingNode[] objects = [.. Objects(file)];
        Assert.NotEmpty(objects);
        string[] claims = [.. All.SelectMany(other => NamesOf(Objects(other), "PersistentVolumeClaim"))];
        foreach ((YamlMappingNode owner, YamlNode pod) in Pods.Of(objects))
        {
            Assert.Equal("RuntimeDefault", pod.Text("securityContext", "seccompProfile", "type"));
            string[] volumes = [.. pod.List("volumes").Select(volume => volume.Text("name")), .. owner.List("spec", "volumeClaimTemplates").Select(claim => claim.Text("metadata", "name"))];
            foreach (YamlNode container in Containers(pod))
            {
                Assert.Equal(["ALL"], container.Texts("securityContext", "capabilities", "drop"));
                Assert.True(container.IsTrue("securityContext", "readOnlyRootFilesystem"));
                Assert.Matches(":[0-9.]+$", container.Text("image"));
                // runc, which starts within the limit, was killed now and then at 16Mi.
                Assert.Matches("^(6[4-9]|[7-9][0-9]|[1-9][0-9]{2,})Mi$", container.Text("resources", "limits", "memory"));
                Assert.All(container.List("volumeMounts").Concat(container.List("volumeDevices")), mount => Assert.Contains(mount.Text("name"), volumes));
            }
            Assert.All(pod.List("volumes").Where(volume => volume.Find("persistentVolumeClaim") is not null), volume => Assert.Contains(volume.Text("persistentVolumeClaim", "claimName"), claims));
        }
    }

    [Theory]
    [MemberData(nameof(Files))]
    public void An_example_runs_commands_and_options_that_exist(string file)
    {
        foreach (YamlNode container in Pods.Of(Objects(file)).SelectMany(found => Containers(found.Pod)).Where(container => container.Text("image").StartsWith(ToolsImage, StringComparison.Ordinal)))
            Programs.RequireKnown("Cscm.Cli", "cscm", container.Texts("args"));
    }

    /// <summary>restore-and-clone copies what snapshot takes, which is the claim that the StatefulSet makes.</summary>
    [Fact]
    public void Copies_are_made_of_the_claim_that_the_orders_are_in()
    {
        YamlMappingNode set = Objects("btree-statefulset.yaml").Single(item => item.Kind() == "StatefulSet"), snapshot = Objects("snapshot.yaml").Single();
        string claim = $"{set.List("spec", "volumeClaimTemplates").Single().Text("metadata", "name")}-{set.Name()}-0";
        Assert.Equal(claim, snapshot.Text("spec", "source", "persistentVolumeClaimName"));
        YamlNode[] sources = [.. Objects("restore-and-clone.yaml").Where(item => item.Kind() == "PersistentVolumeClaim").Select(item => item.At("spec", "dataSource"))];
        Assert.Equal([$"PersistentVolumeClaim {claim}", $"VolumeSnapshot {snapshot.Name()}"], sources.Select(source => $"{source.Kind()} {source.Text("name")}").Order());
    }

    [Fact]
    public void The_group_snapshot_selects_claims_that_the_StatefulSet_makes()
    {
        YamlMappingNode set = Objects("btree-statefulset.yaml").Single(item => item.Kind() == "StatefulSet"), group = Objects("group-snapshot.yaml").Single();
        // Kubernetes labels a StatefulSet's claims with its selector.
        Assert.Equal(set.Text("spec", "selector", "matchLabels", "app"), group.Text("spec", "source", "selector", "matchLabels", "app"));
    }

    [Fact]
    public void The_expansion_asks_for_more_of_the_same_claim()
    {
        YamlMappingNode before = Objects("stream.yaml").Single(item => item.Kind() == "PersistentVolumeClaim"), after = Objects("expansion.yaml").Single(item => item.Kind() == "PersistentVolumeClaim");
        Assert.Equal(before.Name(), after.Name());
        Assert.Equal(("1Gi", "2Gi"), (before.Text("spec", "resources", "requests", "storage"), after.Text("spec", "resources", "requests", "storage")));
    }

    [Fact]
    public void The_readme_tells_of_every_example()
    {
        string readme = File.ReadAllText(Path.Combine(RepositoryRoot.Path, "examples", "README.md"));
        Assert.All(All, file => Assert.Contains($"`{file}`", readme, StringComparison.Ordinal));
    }

    private static IEnumerable<YamlMappingNode> Objects(string file)
        => Documents.Split(File.ReadAllText(Path.Combine(RepositoryRoot.Path, "examples", file))).Select(Documents.Parse);

    private static IEnumerable<YamlNode> Containers(YamlNode pod) => pod.List("initContainers").Concat(pod.List("containers"));

    private static IEnumerable<string> NamesOf(IEnumerable<YamlMappingNode> objects, string kind) => objects.Where(item => item.Kind() == kind).Select(item => item.Name());
}
