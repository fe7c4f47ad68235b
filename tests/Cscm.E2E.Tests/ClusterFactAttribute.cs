namespace Cscm.E2E.Tests;

/// <summary>
/// A test on a real cluster: the one of KUBECONFIG, or K3s where Docker runs. CSCM is installed into it and removed again: name none that
/// others use.
/// </summary>
public sealed class ClusterFactAttribute : FactAttribute
{
    public ClusterFactAttribute() => Skip = Missing;

    /// <summary>Whether somebody named a cluster.</summary>
    internal static bool IsGiven { get; } = !string.IsNullOrEmpty(Environment.GetEnvironmentVariable("KUBECONFIG"));

    /// <summary>Why there is no cluster; null if there is one.</summary>
    internal static string? Missing { get; } =
        !IsGiven && DockerCluster.Missing is string why
            ? $"no cluster: set KUBECONFIG to one that CSCM may be installed into, its nodes having the images of deploy/build-images (CSCM_E2E_REGISTRY, CSCM_E2E_TAG); {why}"
        : Command.Find("kubectl") is null ? "kubectl is not on PATH"
        : Command.Find("helm") is null ? "helm is not on PATH"
        : null;
}

/// <summary>As <see cref="ClusterFactAttribute"/>, for what needs the snapshot API and controller.</summary>
public sealed class SnapshotFactAttribute : FactAttribute
{
    /// <param name="definition">What must be there besides volumesnapshots.</param>
    public SnapshotFactAttribute(string definition = "volumesnapshots.snapshot.storage.k8s.io")
    {
        Definition = definition;
        Skip = ClusterFactAttribute.Missing
            ?? (ClusterFactAttribute.IsGiven && Command.TryRun("kubectl", ["get", "crd", definition]).ExitCode == 0 ? null : $"the cluster has no {definition}: install external-snapshotter");
    }

    public string Definition { get; }
}

/// <summary>As <see cref="ClusterFactAttribute"/>, for what an environment variable must make possible.</summary>
public sealed class ClusterFactWithAttribute : FactAttribute
{
    /// <param name="variable">The variable.</param>
    /// <param name="meaning">What it says when it is set.</param>
    public ClusterFactWithAttribute(string variable, string meaning)
    {
        (Variable, Meaning) = (variable, meaning);
        Skip = ClusterFactAttribute.Missing ?? (string.IsNullOrEmpty(Environment.GetEnvironmentVariable(variable)) ? $"{variable} is not set: {meaning}" : null);
    }

    public string Variable { get; }

    public string Meaning { get; }
}
