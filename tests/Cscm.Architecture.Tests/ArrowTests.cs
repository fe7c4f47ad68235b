using System.Xml.Linq;

namespace Cscm.Architecture.Tests;

/// <summary>The arrows of docs/ARCHITECTURE.md: which project may know which.</summary>
public sealed class ArrowTests
{
    private static readonly Dictionary<string, string[]> s_allowed = new()
    {
        ["Cscm.Grpc"] = [],
        ["Cscm.Kubernetes"] = [],
        ["Cscm.Memory"] = [],
        ["Cscm.Storage"] = [],
        ["Cscm.Csi"] = ["Cscm.Grpc", "Cscm.Storage"],
        ["Cscm.Csi.Controller"] = ["Cscm.Csi", "Cscm.Kubernetes", "Cscm.Storage"],
        ["Cscm.Csi.Node"] = ["Cscm.Csi", "Cscm.Kubernetes", "Cscm.Storage"],
        ["Cscm.Cli"] = ["Cscm.Csi", "Cscm.Csi.Controller", "Cscm.Csi.Node", "Cscm.Grpc", "Cscm.Memory", "Cscm.Storage"],
    };

    public static TheoryData<string> Projects()
    {
        var data = new TheoryData<string>();
        foreach (string file in Directory.EnumerateFiles(Path.Combine(Repository.Root, "src"), "*.csproj", SearchOption.AllDirectories))
            data.Add(Path.GetFileNameWithoutExtension(file));
        return data;
    }

    [Theory]
    [MemberData(nameof(Projects))]
    public void A_project_references_only_what_its_arrows_allow(string project)
    {
        Assert.True(s_allowed.TryGetValue(project, out string[]? allowed), $"{project} has no arrows: add it to this test and to docs/ARCHITECTURE.md");
        var document = XDocument.Load(Path.Combine(Repository.Root, "src", project, project + ".csproj"));
        string[] referenced = [.. document.Descendants("ProjectReference").Select(reference => Path.GetFileNameWithoutExtension((string)reference.Attribute("Include")!))];
        Assert.Empty(referenced.Except(allowed));
    }

    [Theory]
    [InlineData("src/Cscm.Storage")]
    [InlineData("src/Cscm.Memory")]
    public void No_grpc_type_appears_below_an_rpc_class(string below)
    {
        string[] files = [.. Repository.SourceFiles(below)];
        Assert.NotEmpty(files);
        Assert.DoesNotContain(files, file => File.ReadAllText(file).Contains("using Grpc.", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("Cscm.Csi.Controller", "Cscm.Csi.Node")]
    [InlineData("Cscm.Csi.Node", "Cscm.Csi.Controller")]
    public void Controller_and_node_do_not_know_one_another(string project, string other)
        => Assert.DoesNotContain(Repository.SourceFiles($"src/{project}"), file => File.ReadAllText(file).Contains($"using {other};", StringComparison.Ordinal));
}
