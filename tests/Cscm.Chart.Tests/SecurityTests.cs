using YamlDotNet.RepresentationModel;

namespace Cscm.Chart.Tests;

/// <summary>What containers may do: nothing, but for the driver on the nodes, which mounts.</summary>
public sealed class SecurityTests
{
    /// <summary>Kubernetes lets only privileged containers pass mounts on; capabilities are given up by command (decision 51).</summary>
    private const string Privileged = "cscm-node";

    [Theory]
    [MemberData(nameof(ValueSet.Names), MemberType = typeof(ValueSet))]
    public void Containers_are_confined(string name)
    {
        foreach ((YamlMappingNode owner, YamlNode pod) in Pods.Of(Documents.Committed(ValueSet.Find(name))))
        {
            Assert.Equal("RuntimeDefault", pod.Text("securityContext", "seccompProfile", "type"));
            Assert.All((string[])["hostNetwork", "hostPID", "hostIPC"], key => Assert.Null(pod.Find(key)));
            foreach (YamlNode container in pod.List("containers"))
            {
                YamlNode context = container.At("securityContext");
                Assert.True(context.IsTrue("readOnlyRootFilesystem"), $"{owner.Name()}/{container.Text("name")}");
                if (container.Text("name") == Privileged)
                    continue;
                Assert.Null(context.Find("privileged"));
                Assert.Equal("false", context.Text("allowPrivilegeEscalation"));
                Assert.Equal(["ALL"], context.Texts("capabilities", "drop"));
                Assert.Null(context.Find("capabilities", "add"));
                Assert.DoesNotContain(container.List("volumeMounts"), mount => mount.Find("mountPropagation") is not null);
            }
        }
    }

    [Fact]
    public void Only_the_driver_on_the_nodes_runs_as_root()
    {
        foreach ((YamlMappingNode owner, YamlNode pod) in Pods.Of(Documents.Committed(ValueSet.Find("everything-on"))).Where(found => found.Owner.Kind() != "DaemonSet"))
        {
            Assert.True(pod.IsTrue("securityContext", "runAsNonRoot"), owner.Name());
            Assert.DoesNotContain(pod.List("volumes"), volume => volume.Find("hostPath") is not null);
        }
    }

    [Fact]
    public void The_driver_on_the_nodes_keeps_only_what_it_needs()
    {
        foreach (YamlMappingNode set in Documents.Committed(ValueSet.Find("default")).Where(item => item.Kind() == "DaemonSet"))
        {
            YamlNode container = set.List("spec", "template", "spec", "containers").Single(container => container.Text("name") == Privileged);
            string[] command = container.Texts("command");
            Assert.Equal("setpriv", command[0]);
            Assert.Contains("--no-new-privs", command);
            string bounds = Assert.Single(command, argument => argument.StartsWith("--bounding-set=-all,", StringComparison.Ordinal));
            string decision = File.ReadAllText(Directory.GetFiles(Path.Combine(RepositoryRoot.Path, "docs", "decisions"), "0051-*.md").Single());
            string[] kept = [.. bounds.Split('+')[1..].Select(capability => capability.TrimEnd(','))];
            Assert.NotEmpty(kept);
            Assert.All(kept, capability => Assert.Contains($"| `{capability}` |", decision, StringComparison.Ordinal));
        }
    }

    [Theory]
    [MemberData(nameof(ValueSet.Names), MemberType = typeof(ValueSet))]
    public void Images_are_pinned_and_containers_have_bounds(string name)
    {
        foreach (YamlNode container in Pods.Of(Documents.Committed(ValueSet.Find(name))).SelectMany(found => found.Pod.List("containers")))
        {
            string image = container.Text("image");
            Assert.Matches("^[a-z0-9./-]+:v?[0-9]+[.][0-9]+[.][0-9]+[a-z0-9.-]*$", image);
            Assert.NotNull(container.Find("resources", "requests", "cpu"));
            Assert.NotNull(container.Find("resources", "requests", "memory"));
            Assert.NotNull(container.Find("resources", "limits", "memory"));
        }
    }
}
