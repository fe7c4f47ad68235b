using k8s;
using k8s.Exceptions;
using YamlDotNet.Core;

namespace Cscm.Kubernetes;

/// <summary>How to reach an API server and as whom, as KubernetesClient reads it: logins by exec and OIDC included. Holds secrets: never log it.</summary>
public sealed class ClusterConfig
{
    private readonly KubernetesClientConfiguration _upstream;

    public ClusterConfig() => _upstream = new KubernetesClientConfiguration();

    private ClusterConfig(KubernetesClientConfiguration upstream)
    {
        _upstream = upstream;
        if (!string.IsNullOrEmpty(upstream.Namespace))
            Namespace = upstream.Namespace;
    }

    public Uri Server
    {
        get => new(_upstream.Host);
        init => _upstream.Host = value.AbsoluteUri;
    }

    public TokenSource? Token
    {
        get;
        init
        {
            field = value;
            _upstream.TokenProvider = value is null ? null : new BearerToken(value);
        }
    }

    /// <summary>The namespace of leases and events that need one.</summary>
    public string Namespace { get; init; } = "default";

    /// <summary>The given kubeconfig, else those of KUBECONFIG merged, else the pod's own account.</summary>
    /// <exception cref="InvalidDataException">The kubeconfig cannot be used, or there is none and this is no pod.</exception>
    public static ClusterConfig Find(string? kubeconfig)
    {
        bool isGiven = !string.IsNullOrEmpty(kubeconfig), isSet = !string.IsNullOrEmpty(Environment.GetEnvironmentVariable("KUBECONFIG"));
        try
        {
            return new ClusterConfig(
                isGiven ? KubernetesClientConfiguration.BuildConfigFromConfigFile(kubeconfig)
                : isSet ? KubernetesClientConfiguration.BuildDefaultConfig()
                : KubernetesClientConfiguration.InClusterConfig());
        }
        catch (Exception e) when (e is KubeConfigException or YamlException or FormatException or IOException or UnauthorizedAccessException)
        {
            throw new InvalidDataException($"{(isGiven ? $"kubeconfig {kubeconfig}" : isSet ? "KUBECONFIG" : "no cluster")}: {e.Message}", e);
        }
    }

    internal k8s.Kubernetes Open() => new(_upstream);
}
