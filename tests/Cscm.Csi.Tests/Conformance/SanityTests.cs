using System.Text.RegularExpressions;
using Cscm.Csi.Tests.Driver;

namespace Cscm.Csi.Tests.Conformance;

/// <summary>
/// csi-sanity against the real driver, over each kind of volume. It knows CSI 1.12 and fails on capabilities that it has never heard of,
/// so the driver claims those of 1.12 here.
/// </summary>
public sealed partial class SanityTests
{
    /// <summary>Attaching is not claimed; its tests are the only ones that may be skipped.</summary>
    private static readonly string[] s_unclaimed = ["ControllerPublishVolume", "ControllerUnpublishVolume", "[Controller Server] volume lifecycle"];

    /// <summary>The tests of copies, which a driver of plain memory does not claim either.</summary>
    private static readonly string[] s_copies =
        ["Snapshot", "should create volume from an existing source", "when the volume source", "GroupController", "from a non-existent source"];

    [SanityTheory]
    [InlineData("kind=file,fileSystem=ext4", "mount", 64, true)]
    [InlineData("kind=file,fileSystem=xfs", "mount", 320, true)]
    [InlineData("kind=file", "block", 64, true)]
    [InlineData("kind=dram", "mount", 64, false)]
    public async Task Csi_sanity_fails_nothing_and_skips_only_what_is_not_claimed(string pool, string access, int sizeMegabytes, bool canCopy)
    {
        await using DriverProcess driver = await DriverProcess.StartAsync(DriverFixture.Executable, [$"name=sanity,size=16Gi,{pool}"], "--csi-version", "1.12");
        string mutable = Path.Combine(driver.Directory, "mutable.yaml");
        await File.WriteAllTextAsync(mutable, "erase: none\n");
        string output = Leftovers.Run(
            SanityTheoryAttribute.Executable!,
            "-csi.endpoint", Path.Combine(driver.Directory, "csi.sock"),
            "-csi.mountdir", Path.Combine(driver.Directory, "mount"),
            "-csi.stagingdir", Path.Combine(driver.Directory, "staging"),
            "-csi.testvolumesize", $"{(long)sizeMegabytes << 20}",
            "-csi.testvolumeexpandsize", $"{(long)sizeMegabytes << 21}",
            "-csi.testvolumeaccesstype", access,
            "-csi.testvolumemutableparameters", mutable,
            "-ginkgo.no-color", "-ginkgo.v");

        Match summary = Summary().Match(output);
        Assert.True(summary.Success, $"csi-sanity printed no summary:\n{output}");
        string failures = string.Join('\n', output.Split('\n').Where(line => line.Contains("[FAIL]", StringComparison.Ordinal)));
        Assert.True(summary.Groups["failed"].Value == "0", $"{summary.Value}\n{failures}");
        Assert.True(int.Parse(summary.Groups["passed"].Value) >= 55, summary.Value);
        string[] allowed = [.. s_unclaimed, .. canCopy ? [] : s_copies];
        string[] skipped = [.. Skipped().Matches(output).Select(match => match.Groups["name"].Value)];
        Assert.Equal(int.Parse(summary.Groups["skipped"].Value), skipped.Length);
        Assert.DoesNotContain(skipped, name => !allowed.Any(part => name.Contains(part, StringComparison.Ordinal)));
    }

    [GeneratedRegex(@"-- (?<passed>\d+) Passed \| (?<failed>\d+) Failed \| \d+ Pending \| (?<skipped>\d+) Skipped", RegexOptions.NonBacktracking)]
    private static partial Regex Summary();

    [GeneratedRegex(@"^S \[SKIPPED\].*\n(?<name>.*)$", RegexOptions.Multiline | RegexOptions.NonBacktracking)]
    private static partial Regex Skipped();
}
