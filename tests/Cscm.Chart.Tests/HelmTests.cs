namespace Cscm.Chart.Tests;

/// <summary>Helm itself, where it is found: it must make of the chart what our renderer makes.</summary>
public sealed class HelmTests
{
    [HelmTheory]
    [MemberData(nameof(ValueSet.Names), MemberType = typeof(ValueSet))]
    public void Helm_renders_what_is_committed(string name)
    {
        ValueSet set = ValueSet.Find(name);
        (int exitCode, string output, string errors) = Tool.Run("helm", ["template", .. Common(set), "--kube-version", ValueSet.KubeVersion, .. Apis(set)]);
        Assert.True(exitCode == 0, errors);
        string[] committed = [.. Documents.Split(File.ReadAllText(set.RenderedFile)).Where(document => !Documents.IsNotes(document))];
        Assert.Equal(Documents.Join(committed), Documents.Join(Documents.Split(output)));
    }

    [HelmTheory]
    [MemberData(nameof(ValueSet.Names), MemberType = typeof(ValueSet))]
    public void Helm_lint_finds_nothing(string name)
    {
        ValueSet set = ValueSet.Find(name);
        (int exitCode, string output, string errors) = Tool.Run("helm", ["lint", "--strict", ValueSet.Chart, "--kube-version", ValueSet.KubeVersion, .. Values(set)]);
        Assert.True(exitCode == 0, output + errors);
    }

    /// <remarks>Helm prints notes only when it has a cluster: here they become a document.</remarks>
    [HelmTheory]
    [MemberData(nameof(ValueSet.Names), MemberType = typeof(ValueSet))]
    public void Helm_makes_the_notes_that_are_committed(string name)
    {
        ValueSet set = ValueSet.Find(name);
        string directory = Directory.CreateTempSubdirectory("cscm-chart-").FullName;
        try
        {
            string chart = Path.Combine(directory, "cscm"), templates = Path.Combine(chart, "templates");
            Directory.CreateDirectory(templates);
            foreach (string file in (string[])["Chart.yaml", "values.yaml", "templates/_helpers.tpl"])
                File.Copy(Path.Combine(ValueSet.Chart, file), Path.Combine(chart, file));
            File.WriteAllText(Path.Combine(templates, "_notes.tpl"), $"{{{{ define \"notes\" }}}}{File.ReadAllText(Path.Combine(ValueSet.Chart, "templates/NOTES.txt"))}{{{{ end }}}}");
            File.WriteAllText(Path.Combine(templates, "notes.yaml"), "text: {{ include \"notes\" . | quote }}\n");
            (int exitCode, string output, string errors) = Tool.Run(
                "helm", ["template", ValueSet.Release, chart, "--namespace", ValueSet.Namespace, "--kube-version", ValueSet.KubeVersion, .. Apis(set), .. Values(set)]);
            Assert.True(exitCode == 0, errors);
            string notes = Documents.Split(File.ReadAllText(set.RenderedFile)).Single(Documents.IsNotes);
            Assert.Equal(notes[(notes.IndexOf('\n') + 1)..].Trim(), Documents.Parse(Assert.Single(Documents.Split(output))).Text("text").Trim());
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    [HelmTheory]
    [InlineData("bogus=1", "bogus")]
    [InlineData("node.bogus=1", "bogus")]
    [InlineData("sidecarImages.resizer.tag=latest", "tag")]
    [InlineData("scmNodes.pools[0].kind=tape", "kind")]
    public void Helm_refuses(string setting, string why)
    {
        (int exitCode, _, string errors) = Tool.Run("helm", ["template", .. Common(ValueSet.All[0]), "--kube-version", ValueSet.KubeVersion, "--set", setting]);
        Assert.NotEqual(0, exitCode);
        Assert.Contains(why, errors, StringComparison.Ordinal);
    }

    private static string[] Common(ValueSet set) => [ValueSet.Release, ValueSet.Chart, "--namespace", ValueSet.Namespace, .. Values(set)];

    private static string[] Apis(ValueSet set) => set.ApiVersions.Length == 0 ? [] : ["--api-versions", set.ApiVersions];

    private static string[] Values(ValueSet set) => set.ValuesFile is null ? [] : ["--values", set.ValuesFile];
}

/// <summary>A test with Helm.</summary>
public sealed class HelmTheoryAttribute : TheoryAttribute
{
    public HelmTheoryAttribute() => Skip = Tool.Find("helm") is null ? "helm is not here: put Helm 3 on PATH (the chart was rendered and compared without it)" : null;
}
