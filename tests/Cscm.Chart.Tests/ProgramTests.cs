using YamlDotNet.RepresentationModel;

namespace Cscm.Chart.Tests;

/// <summary>The chart gives CSCM's programs flags that they have.</summary>
public sealed class ProgramTests
{
    private static readonly Dictionary<string, (string Project, string Assembly)> s_programs = new()
    {
        ["cscm-controller"] = ("Cscm.Csi.Controller", "Cscm.Csi.Controller"),
        ["cscm-node"] = ("Cscm.Csi.Node", "Cscm.Csi.Node"),
        ["stream"] = ("Cscm.Cli", "cscm"),
    };

    [Theory]
    [MemberData(nameof(ValueSet.Names), MemberType = typeof(ValueSet))]
    public void Programs_get_flags_that_they_know(string name)
    {
        var seen = new HashSet<string>();
        foreach (YamlNode container in Pods.Of(Documents.Committed(ValueSet.Find(name))).SelectMany(found => found.Pod.List("containers")))
        {
            if (!s_programs.TryGetValue(container.Text("name"), out (string Project, string Assembly) program))
                continue;
            seen.Add(container.Text("name"));
            Programs.RequireKnown(program.Project, program.Assembly, container.Texts("args"));
        }
        Assert.Equal(s_programs.Keys.Order(), seen.Order());
    }
}
