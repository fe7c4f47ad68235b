namespace Cscm.Chart.Tests;

/// <summary>A way to install the chart, whose objects are committed below Rendered/.</summary>
/// <param name="Name">Of its file below Values/ and Rendered/.</param>
/// <param name="ValuesFile">Null for the chart's own values alone.</param>
/// <param name="ApiVersions">What the cluster has beyond Kubernetes itself.</param>
public sealed record ValueSet(string Name, string? ValuesFile, string ApiVersions = "")
{
    public const string Release = "cscm", Namespace = "cscm-system", KubeVersion = "1.33.0";

    private const string Snapshots = "snapshot.storage.k8s.io/v1,groupsnapshot.storage.k8s.io/v1";

    public static string Chart { get; } = Path.Combine(RepositoryRoot.Path, "charts", "cscm");

    public static string Tests { get; } = Path.Combine(RepositoryRoot.Path, "tests", "Cscm.Chart.Tests");

    public static IReadOnlyList<ValueSet> All { get; } =
    [
        new("default", null, Snapshots),
        new("no-snapshot-api", null),
        new("trial", Path.Combine(Chart, "values-trial.yaml"), Snapshots),
        OfTests("dram-only"), OfTests("scm-with-lvm"), OfTests("minimal"), OfTests("everything-on"),
    ];

    public static TheoryData<string> Names => [.. All.Select(set => set.Name)];

    public string RenderedFile => Path.Combine(Tests, "Rendered", Name + ".yaml");

    public static ValueSet Find(string name) => All.Single(set => set.Name == name);

    private static ValueSet OfTests(string name) => new(name, Path.Combine(Tests, "Values", name + ".yaml"));
}
