using System.Text.Json.Nodes;

namespace Cscm.Demo.Story;

/// <summary>What the demo saw, as JSON for programs.</summary>
internal static class ReportFile
{
    public static void Write(string path, IReadOnlyList<Step> steps, IReadOnlyList<StreamRow> stream)
    {
        var report = new JsonObject
        {
            ["steps"] = new JsonArray([.. steps.Select(step => new JsonObject
            {
                ["name"] = step.Name,
                ["outcome"] = step.Outcome.ToString(),
                ["detail"] = step.Detail,
                ["milliseconds"] = step.Elapsed.TotalMilliseconds,
            })]),
            ["stream"] = new JsonArray([.. stream.Select(row => new JsonObject
            {
                ["name"] = row.Name,
                ["copy_gbs"] = row.Copy,
                ["scale_gbs"] = row.Scale,
                ["add_gbs"] = row.Add,
                ["triad_gbs"] = row.Triad,
            })]),
        };
        File.WriteAllText(path, report.ToJsonString(new() { WriteIndented = true }) + "\n");
    }
}
