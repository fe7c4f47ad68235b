namespace Cscm.Chart.Tests;

/// <summary>The sidecars' arguments are flags that they have, as their sources of the pinned versions say.</summary>
public sealed class SidecarTests
{
    private static readonly Dictionary<string, string[]> s_flags = new()
    {
        ["csi-provisioner"] =
        [
            "v", "csi-address", "timeout", "leader-election", "leader-election-namespace", "kube-api-qps", "kube-api-burst", "http-endpoint", "worker-threads", "retry-interval-start",
            "extra-create-metadata", "strict-topology", "enable-capacity", "capacity-ownerref-level", "capacity-poll-interval",
            "feature-gates",
        ],
        ["csi-resizer"] =
        [
            "v", "csi-address", "timeout", "leader-election", "leader-election-namespace", "kube-api-qps", "kube-api-burst", "http-endpoint", "workers", "handle-volume-inuse-error", "feature-gates",
        ],
        ["csi-snapshotter"] =
        [
            "v", "csi-address", "timeout", "leader-election", "leader-election-namespace", "kube-api-qps", "kube-api-burst", "http-endpoint", "worker-threads", "feature-gates",
        ],
        ["node-driver-registrar"] = ["v", "csi-address", "kubelet-registration-path", "http-endpoint", "timeout"],
        ["liveness-probe"] = ["v", "csi-address", "health-port", "probe-timeout"],
    };

    [Fact]
    public void Sidecars_get_flags_that_they_know()
    {
        var seen = new HashSet<string>();
        foreach (YamlDotNet.RepresentationModel.YamlNode container in ValueSet.All.SelectMany(set => Pods.Of(Documents.Committed(set))).SelectMany(found => found.Pod.List("containers")))
        {
            string name = container.Text("name");
            if (!s_flags.TryGetValue(name, out string[]? known))
                continue;
            seen.Add(name);
            Assert.All(container.Texts("args"), argument => Assert.Contains(argument[2..].Split('=')[0], known));
        }
        Assert.Equal(s_flags.Keys.Order(), seen.Order());
    }

    /// <summary>500 claims at 20 a second: a claim costs the provisioner some five calls, of which as shipped it does five a second.</summary>
    [Fact]
    public void Sidecars_may_ask_the_API_often_enough_for_20_claims_a_second()
    {
        string[] arguments = [.. Pods.Of(Documents.Committed(ValueSet.Find("default"))).SelectMany(found => found.Pod.List("containers"))
            .Single(container => container.Text("name") == "csi-provisioner").Texts("args")];
        Assert.InRange(Number("--kube-api-qps="), 5 * 20, 1000);
        Assert.InRange(Number("--kube-api-burst="), 5 * 20, 2000);

        double Number(string flag) => double.Parse(arguments.Single(argument => argument.StartsWith(flag, StringComparison.Ordinal))[flag.Length..]);
    }
}
