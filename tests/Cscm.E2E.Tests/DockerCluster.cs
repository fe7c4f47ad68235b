namespace Cscm.E2E.Tests;

/// <summary>
/// A K3s in a container, for where Docker runs and no cluster is given: CSCM's images come from the archives of CSCM_IMAGES, Kubernetes'
/// own are pulled. CSCM_E2E_K3S names another K3s. Its kubeconfig becomes KUBECONFIG of this process; it goes when disposed.
/// </summary>
internal sealed class DockerCluster : IDisposable
{
    private const string Images = "CSCM_IMAGES", InContainer = "/tmp/image.tar";
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(3);

    private readonly string _name = $"cscm-e2e-{Guid.NewGuid().ToString("N")[..8]}";
    private readonly string _kubeconfig;

    private DockerCluster() => _kubeconfig = Path.Combine(Path.GetTempPath(), $"{_name}.kubeconfig");

    /// <summary>Why there can be none; null if there can.</summary>
    public static string? Missing { get; } =
        Command.Find("docker") is null || Command.TryRun("docker", ["version", "--format", "{{.Server.Version}}"]).ExitCode != 0 ? "no Docker answers here"
        : Archives().Length == 0 ? $"Docker runs, but {Images} names no directory with the archives of deploy/build-images"
        : null;

    public static DockerCluster Start()
    {
        var cluster = new DockerCluster();
        try
        {
            cluster.Run();
            return cluster;
        }
        catch
        {
            cluster.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        Command.TryRun("docker", ["rm", "--force", "--volumes", _name]);
        Environment.SetEnvironmentVariable("KUBECONFIG", null);
        File.Delete(_kubeconfig);
    }

    private void Run()
    {
        string image = Environment.GetEnvironmentVariable("CSCM_E2E_K3S") is { Length: > 0 } given ? given : "rancher/k3s:v1.33.1-k3s1";
        Docker(
            "run", "--detach", "--privileged", "--name", _name, "--tmpfs", "/run", "--publish", "127.0.0.1::6443", image,
            "server", "--disable=traefik", "--disable=servicelb", "--disable=metrics-server", "--tls-san=127.0.0.1");
        // A container's root is private; mounts of the driver must reach the kubelet.
        Docker("exec", _name, "mount", "--make-rshared", "/");
        Space.Await(() => $"{Command.TryRun("docker", ["exec", _name, "kubectl", "wait", "--for=condition=Ready", "node", "--all", "--timeout=5s"]).ExitCode}", "0", () => Docker("logs", "--tail=50", _name), s_patience);
        foreach (string archive in Archives())
        {
            Docker("cp", archive, $"{_name}:{InContainer}");
            Docker("exec", _name, "ctr", "--namespace", "k8s.io", "images", "import", InContainer);
        }
        string address = Docker("port", _name, "6443/tcp").Split('\n')[0].Trim();
        File.WriteAllText(_kubeconfig, Docker("exec", _name, "cat", "/etc/rancher/k3s/k3s.yaml").Replace("127.0.0.1:6443", address, StringComparison.Ordinal));
        Environment.SetEnvironmentVariable("KUBECONFIG", _kubeconfig);
    }

    private static string[] Archives()
        => Environment.GetEnvironmentVariable(Images) is { Length: > 0 } directory && Directory.Exists(directory) ? Directory.GetFiles(directory, "cscm-*.tar") : [];

    private static string Docker(params string[] arguments) => Command.Run("docker", arguments);
}
