namespace Cscm.E2E.Tests;

/// <summary>
/// A K3s in a container, for where Docker runs and no cluster is given: CSCM's images come from the archives of CSCM_IMAGES, Kubernetes'
/// own are pulled. CSCM_E2E_K3S names another K3s. Its kubeconfig becomes KUBECONFIG of this process; it goes when disposed.
/// </summary>
internal sealed class DockerCluster : IDisposable
{
    private const string Images = "CSCM_IMAGES", InContainer = "/tmp";
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(3);

    private readonly K3s _k3s = new(Environment.GetEnvironmentVariable("CSCM_E2E_K3S") is { Length: > 0 } given ? given : "rancher/k3s:v1.33.1-k3s1");
    private readonly string _kubeconfig = Path.Combine(Path.GetTempPath(), $"cscm-e2e-{Guid.NewGuid():N}.kubeconfig");

    private DockerCluster()
    {
    }

    /// <summary>Why there can be none; null if there can.</summary>
    public static string? Missing { get; } =
        K3s.Missing ?? (Archives().Length == 0 ? $"Docker runs, but {Images} names no directory with the archives of deploy/build-images" : null);

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
        _k3s.Dispose();
        Environment.SetEnvironmentVariable("KUBECONFIG", null);
        File.Delete(_kubeconfig);
    }

    private void Run()
    {
        _k3s.Start("--disable=servicelb", "--disable=metrics-server", "--tls-san=127.0.0.1");
        // A container's root is private; mounts of the driver must reach the kubelet.
        _k3s.Run("mount", "--make-rshared", "/");
        Space.Await(() => $"{_k3s.TryRun("kubectl", "wait", "--for=condition=Ready", "node", "--all", "--timeout=5s")}", "0", () => _k3s.Log, s_patience);
        foreach (string archive in Archives())
        {
            _k3s.Copy(archive, InContainer);
            _k3s.Run("ctr", "--namespace", "k8s.io", "images", "import", $"{InContainer}/{Path.GetFileName(archive)}");
        }
        File.WriteAllText(_kubeconfig, _k3s.Kubeconfig);
        Environment.SetEnvironmentVariable("KUBECONFIG", _kubeconfig);
    }

    private static string[] Archives()
        => Environment.GetEnvironmentVariable(Images) is { Length: > 0 } directory && Directory.Exists(directory) ? Directory.GetFiles(directory, "cscm-*.tar") : [];
}
