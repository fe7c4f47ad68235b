namespace Cscm.Chart.Tests;

/// <summary>
/// What the chart makes is committed, so that a change of a template shows what it changes. CSCM_UPDATE_RENDERED=1 writes it anew.
/// </summary>
public sealed class RenderedTests
{
    [RendererTheory]
    [MemberData(nameof(ValueSet.Names), MemberType = typeof(ValueSet))]
    public void The_chart_renders_as_committed(string name)
    {
        ValueSet set = ValueSet.Find(name);
        string rendered = Documents.Join(Renderer.Render(set));
        if (Environment.GetEnvironmentVariable("CSCM_UPDATE_RENDERED") == "1")
            File.WriteAllText(set.RenderedFile, rendered);
        Assert.Equal(File.ReadAllText(set.RenderedFile), rendered);
    }

    [Fact]
    public void Nothing_else_is_committed()
        => Assert.Equal(ValueSet.All.Select(set => set.RenderedFile).Order(), Directory.GetFiles(Path.Combine(ValueSet.Tests, "Rendered")).Order());
}
