using System.Text.Json.Nodes;
using Cscm.Kubernetes;

namespace Cscm.Bench.Cluster;

/// <summary>What the benchmark needs in the cluster: the host-path driver on one node, a class per way of binding, a namespace.</summary>
internal sealed class Setting(IKubernetes client, string node, string kubeletDirectory, string cscmNamespace)
{
    private const string PeerNamespace = "cscm-bench-hostpath";

    public async Task InstallAsync(IReadOnlyList<Contestant> contestants)
    {
        await Volumes.NoteOthersAsync(client);
        await Kubectl.RunAsync(["apply", "--filename", "-"], await ManifestAsync());
        await Kubectl.RunAsync(["rollout", "status", "deployment/hostpath", "--namespace", PeerNamespace, "--timeout=180s"]);
        await Kubectl.RunAsync(["apply", "--filename", "-"], $$"""{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "{{BenchResources.Namespace}}" } }""");
        foreach (Contestant contestant in contestants)
        {
            foreach ((string name, string mode) in ((string, string)[])[(contestant.LateClass, "WaitForFirstConsumer"), (contestant.ImmediateClass, "Immediate")])
            {
                await client.DeleteAsync(BenchResources.Classes, name, null, CancellationToken.None);
                await client.CreateAsync(
                    BenchResources.Classes,
                    new BenchClass { Metadata = new ObjectMeta { Name = name }, Provisioner = contestant.Provisioner, VolumeBindingMode = mode, Parameters = contestant.Parameters },
                    CancellationToken.None);
            }
        }
    }

    public async Task RemoveAsync(IReadOnlyList<Contestant> contestants)
    {
        // Claims first, while there is a driver to delete their volumes.
        await Kubectl.RunAsync(["delete", "namespace", BenchResources.Namespace, "--ignore-not-found", "--timeout=300s"]);
        foreach (Contestant contestant in contestants)
        {
            await Volumes.AllGoneAsync(client, contestant.Provisioner, TimeSpan.FromMinutes(2));
            await client.DeleteAsync(BenchResources.Classes, contestant.LateClass, null, CancellationToken.None);
            await client.DeleteAsync(BenchResources.Classes, contestant.ImmediateClass, null, CancellationToken.None);
        }
        await Kubectl.RunAsync(["delete", "--ignore-not-found", "--filename", "-"], await ManifestAsync());
    }

    /// <summary>With the sidecars' images that CSCM's own controller runs.</summary>
    private async Task<string> ManifestAsync()
    {
        var pods = JsonNode.Parse(await Kubectl.RunAsync(["get", "pods", "--namespace", cscmNamespace, "--selector", "app.kubernetes.io/name=cscm", "--output", "json"]))!;
        JsonNode[] containers = [.. pods["items"]!.AsArray().SelectMany(pod => pod!["spec"]!["containers"]!.AsArray()).OfType<JsonNode>()];
        string ImageOf(string name) => (string?)containers.FirstOrDefault(container => (string?)container["name"] == name)?["image"]
            ?? throw new InvalidOperationException($"no pod in namespace {cscmNamespace} has the container {name}: install the chart there, or name its namespace");
        return (await File.ReadAllTextAsync(Path.Combine(AppContext.BaseDirectory, "hostpath.yaml")))
            .Replace("NODE", node, StringComparison.Ordinal).Replace("KUBELET", kubeletDirectory, StringComparison.Ordinal)
            .Replace("PROVISIONER", ImageOf("csi-provisioner"), StringComparison.Ordinal).Replace("REGISTRAR", ImageOf("node-driver-registrar"), StringComparison.Ordinal);
    }
}
