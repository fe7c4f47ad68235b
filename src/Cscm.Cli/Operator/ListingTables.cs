using Cscm.Admin.V1;
using Google.Protobuf.Collections;

namespace Cscm.Cli.Operator;

/// <summary>The driver's answers as tables, what is wrong below them.</summary>
internal static class ListingTables
{
    public static void Write(ListPoolsResponse response, TextWriter output)
    {
        Tables.Write(
            output, ["POOL", "KIND", "DEFAULT", "NODE", "SIZE", "FREE", "LARGEST", "ERASING", "FILE SYSTEMS", "BLOCK", "COPIES", "HEALTH"],
            response.Pools.Select(pool => new[]
            {
                pool.Name, pool.Kind, YesOrNo(pool.IsDefault), Tables.Text(pool.HasNumaNode ? pool.NumaNode : null),
                Tables.Size(pool.TotalBytes), Tables.Size(pool.AvailableBytes), Tables.Size(pool.MaximumVolumeBytes), Tables.Size(pool.ErasingBytes),
                string.Join(",", pool.FileSystems), YesOrNo(pool.SupportsBlock), YesOrNo(pool.SupportsSnapshots), Health(pool.Findings),
            }));
        WriteFindings(output, response.Pools.SelectMany(pool => pool.Findings.Select(finding => (pool.Name, finding))));
        WriteFindings(output, response.Findings.Select(finding => ("state", finding)));
    }

    public static void Write(ListVolumesResponse response, TextWriter output)
    {
        if (response.Volumes.Count == 0)
            output.WriteLine("no volumes");
        Tables.Write(
            output, ["VOLUME", "NAME", "POOL", "SIZE", "FORMAT", "DAX", "MAP_SYNC", "2MI", "NODE", "STAGED", "PUBLISHED", "HEALTH"],
            response.Volumes.Select(volume => new[]
            {
                volume.Id, volume.Name, volume.Pool, Tables.Size(volume.CapacityBytes), volume.FileSystem.Length > 0 ? volume.FileSystem : "block",
                Result(volume.Proof?.Dax), Result(volume.Proof?.MapSync), Result(volume.Proof?.HugeMappings),
                Tables.Text(volume.HasNumaNode ? volume.NumaNode : null), YesOrNo(volume.StagingPath.Length > 0), volume.TargetPaths.Count.ToString(), Health(volume.Findings),
            }));
        foreach (Volume volume in response.Volumes)
        {
            if (volume.Proof is { Reason.Length: > 0 } proof)
                output.WriteLine($"{volume.Id}: {proof.Reason}");
        }
        WriteFindings(output, response.Volumes.SelectMany(volume => volume.Findings.Select(finding => (volume.Id, finding))));
    }

    private static void WriteFindings(TextWriter output, IEnumerable<(string Of, Finding Finding)> findings)
    {
        foreach ((string of, Finding finding) in findings)
            output.WriteLine($"{of}: {finding.Kind} {finding.Reason}: {finding.Message}");
    }

    private static string Result(string? proof) => proof switch
    {
        null => "-",
        "Absent" => "no",
        _ => proof.ToLowerInvariant(),
    };

    private static string Health(RepeatedField<Finding> findings) => findings.Count == 0 ? "ok" : string.Join(",", findings.Select(finding => finding.Kind).Distinct());

    private static string YesOrNo(bool value) => value ? "yes" : "no";
}
