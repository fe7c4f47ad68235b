namespace Cscm.Chart.Tests;

/// <summary>Renderer/main.go, built once; see there what it does.</summary>
internal static class Renderer
{
    private const string Libraries = "/usr/share/gocode/src";

    private static readonly string[] s_needed = ["github.com/Masterminds/sprig", "github.com/xeipuuv/gojsonschema", "sigs.k8s.io/yaml"];
    private static readonly Lazy<string> s_executable = new(Build);

    /// <summary>Why it cannot be built here; null if it can.</summary>
    public static string? Missing { get; } =
        Tool.Find("go") is null || s_needed.Any(library => !Directory.Exists(Path.Combine(Libraries, library)))
            ? "renders by Debian's Go libraries: apt-get install golang-go golang-github-masterminds-sprig-dev golang-github-xeipuuv-gojsonschema-dev golang-k8s-sigs-yaml-dev"
            : null;

    /// <returns>The documents, or why there are none.</returns>
    public static (string[] Documents, string Errors) TryRender(ValueSet set, params IEnumerable<string> moreFiles)
    {
        (int exitCode, string output, string errors) = Tool.Run(
            s_executable.Value,
            [ValueSet.Chart, ValueSet.Release, ValueSet.Namespace, ValueSet.KubeVersion, set.ApiVersions, .. set.ValuesFile is null ? Array.Empty<string>() : [set.ValuesFile], .. moreFiles]);
        Assert.Equal(exitCode == 0, errors.Length == 0);
        return (Documents.Split(output), errors);
    }

    public static string[] Render(ValueSet set)
    {
        (string[] documents, string errors) = TryRender(set);
        Assert.Empty(errors);
        return documents;
    }

    private static string Build()
    {
        string directory = Path.Combine(AppContext.BaseDirectory, "renderer");
        Directory.CreateDirectory(directory);
        string executable = Path.Combine(directory, "renderer");
        (int exitCode, _, string errors) = Tool.Run(
            "go", ["build", "-o", executable, Path.Combine(ValueSet.Tests, "Renderer", "main.go")],
            new Dictionary<string, string> { ["GO111MODULE"] = "off", ["GOPATH"] = "/usr/share/gocode", ["GOCACHE"] = Path.Combine(directory, "cache"), ["GOFLAGS"] = "" });
        Assert.True(exitCode == 0, errors);
        return executable;
    }
}

/// <summary>A test that renders the chart.</summary>
public sealed class RendererFactAttribute : FactAttribute
{
    public RendererFactAttribute() => Skip = Renderer.Missing;
}

/// <inheritdoc cref="RendererFactAttribute"/>
public sealed class RendererTheoryAttribute : TheoryAttribute
{
    public RendererTheoryAttribute() => Skip = Renderer.Missing;
}
