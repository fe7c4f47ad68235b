using System.Security.Cryptography.X509Certificates;

namespace Cscm.Kubernetes;

/// <summary>How to reach an API server and as whom. Holds secrets: never log it.</summary>
public sealed class ClusterConfig
{
    private const string ServiceAccount = "/var/run/secrets/kubernetes.io/serviceaccount";

    public required Uri Server { get; init; }

    /// <summary>Null trusts what the machine trusts.</summary>
    public X509Certificate2Collection? Authorities { get; init; }
    public bool SkipsServerVerification { get; init; }

    /// <summary>The name in the server's certificate, if it is not the one in <see cref="Server"/>.</summary>
    public string? ServerName { get; init; }
    public X509Certificate2? ClientCertificate { get; init; }
    public TokenSource? Token { get; init; }

    /// <summary>The namespace of leases and events that need one.</summary>
    public string Namespace { get; init; } = "default";

    /// <summary>The given kubeconfig, else KUBECONFIG's, else the pod's own account.</summary>
    /// <exception cref="InvalidDataException">The kubeconfig cannot be used, or there is none and this is no pod.</exception>
    public static ClusterConfig Find(string? kubeconfig)
    {
        string? path = string.IsNullOrEmpty(kubeconfig) ? Environment.GetEnvironmentVariable("KUBECONFIG") : kubeconfig;
        return string.IsNullOrEmpty(path) ? InCluster() : KubeconfigFile.Read(path);
    }

    /// <param name="directory">Where the account's token, CA and namespace are; tests give their own.</param>
    public static ClusterConfig InCluster(string directory = ServiceAccount)
    {
        string? host = Environment.GetEnvironmentVariable("KUBERNETES_SERVICE_HOST");
        if (string.IsNullOrEmpty(host) || !File.Exists(Path.Combine(directory, "token")))
            throw new InvalidDataException($"no cluster: this is not a pod with a service account ({directory}/token), and neither --kubeconfig nor KUBECONFIG is set");
        string port = Environment.GetEnvironmentVariable("KUBERNETES_SERVICE_PORT") ?? "443";
        string namespaceFile = Path.Combine(directory, "namespace");
        var authorities = new X509Certificate2Collection();
        authorities.ImportFromPemFile(Path.Combine(directory, "ca.crt"));
        return new ClusterConfig
        {
            Server = new Uri($"https://{(host.Contains(':', StringComparison.Ordinal) ? $"[{host}]" : host)}:{port}"),
            Authorities = authorities,
            Token = TokenSource.FromFile(Path.Combine(directory, "token"), TimeProvider.System),
            Namespace = File.Exists(namespaceFile) ? File.ReadAllText(namespaceFile).Trim() : "default",
        };
    }
}
