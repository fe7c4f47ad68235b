namespace Cscm.E2E.Tests;

/// <summary>
/// CSCM in the cluster, installed once for all tests. CSCM_E2E_REGISTRY and CSCM_E2E_TAG name the images; with CSCM_E2E_SCM=1 class cscm
/// is real SCM on labelled nodes, else image files. CSCM_E2E_PATIENCE=4 waits four times as long; CSCM_E2E_KEEP=1 leaves it installed.
/// </summary>
public sealed class Installation : IDisposable
{
    public const string Namespace = "cscm-e2e";
    private const string Release = "cscm";

    private readonly DockerCluster? _cluster;

    public Installation()
    {
        if (ClusterFactAttribute.Missing is not null)
            return;
        if (!ClusterFactAttribute.IsGiven)
            _cluster = DockerCluster.Start();
        Install();
    }

    public static string Tools => $"{Setting("CSCM_E2E_REGISTRY", "cscm.io")}/cscm-tools:{Setting("CSCM_E2E_TAG", "0.1.0")}";

    public void Dispose()
    {
        if (ClusterFactAttribute.Missing is null && Environment.GetEnvironmentVariable("CSCM_E2E_KEEP") != "1")
            Uninstall();
        _cluster?.Dispose();
    }

    internal static void Install(params IEnumerable<string> more)
    {
        string chart = Path.Combine(RepositoryRoot.Path, "charts", "cscm");
        string[] trial = Environment.GetEnvironmentVariable("CSCM_E2E_SCM") == "1" ? [] : ["--values", Path.Combine(chart, "values-trial.yaml")];
        Command.Run("helm",
        [
            "upgrade", Release, chart, "--install", "--namespace", Namespace, "--create-namespace", "--wait", "--timeout", Patience.Argument(5), .. trial,
            "--set", $"images.registry={Setting("CSCM_E2E_REGISTRY", "cscm.io")}", "--set", $"images.tag={Setting("CSCM_E2E_TAG", "0.1.0")}", .. more,
        ]);
    }

    /// <summary>Ends all of the driver's pods at once, without warning.</summary>
    internal static void KillDriver()
        => Command.Run("kubectl", ["--namespace", Namespace, "delete", "pods", "--selector", "app.kubernetes.io/component in (controller,node)", "--force", "--grace-period=0"]);

    internal static void Uninstall() => Command.Run("helm", ["uninstall", Release, "--namespace", Namespace, "--wait", "--ignore-not-found"]);

    private static string Setting(string name, string byDefault) => Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value : byDefault;
}

/// <summary>All tests share one installation, and take turns: one of them uninstalls.</summary>
[CollectionDefinition(Name)]
public sealed class ClusterGroup : ICollectionFixture<Installation>
{
    public const string Name = "cluster";
}
