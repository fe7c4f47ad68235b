using Cscm.Csi.Tests.Driver;

namespace Cscm.Csi.Tests.Conformance;

/// <summary>A volume's life by hand: <c>cscm volume</c>.</summary>
public sealed class VolumeCommandTests(DriverFixture fixture) : DriverTests(fixture)
{
    [DriverFact]
    public void A_volume_is_made_mounted_in_two_places_unmounted_and_deleted()
    {
        string name = NewName();
        string id = Cscm("volume", "create", name, "32Mi", "--pool", "dram").Trim();
        Assert.Equal(id, Cscm("volume", "create", name, "32Mi", "--pool", "dram").Trim());
        string one = NewTargetPath("one"), other = NewTargetPath("other");

        Assert.Equal("", Cscm("volume", "mount", id, one));
        Assert.Equal("", Cscm("volume", "mount", id, other, "--read-only"));
        File.WriteAllText(Path.Combine(one, "note"), "kept");
        Assert.Equal("kept", File.ReadAllText(Path.Combine(other, "note")));
        Assert.Throws<IOException>(() => File.WriteAllText(Path.Combine(other, "note"), "changed"));
        Assert.Contains("FailedPrecondition", Cscm("volume", "delete", id), StringComparison.Ordinal);

        Assert.Equal("", Cscm("volume", "unmount", id, one));
        Assert.Contains(id, Cscm("volumes"), StringComparison.Ordinal);
        Assert.Equal("", Cscm("volume", "unmount", id, other));
        Assert.False(Directory.Exists(one) || Directory.Exists(other) || Directory.Exists(Path.Combine(Driver.Directory, "staging", id)));
        Assert.Equal("", Cscm("volume", "delete", id));
        Assert.DoesNotContain(id, Cscm("volumes"), StringComparison.Ordinal);
    }

    [DriverFact]
    public void What_is_wrong_is_said_in_a_line()
    {
        Assert.Contains("size", Cscm("volume", "create", "x", "much"), StringComparison.OrdinalIgnoreCase);
        Assert.Contains("there is no volume vol-none", Cscm("volume", "mount", "vol-none", NewTargetPath()), StringComparison.Ordinal);
        Assert.Contains("there is no pool nowhere", Cscm("volume", "create", "x", "4Mi", "--pool", "nowhere"), StringComparison.Ordinal);
    }

    private string Cscm(params string[] command)
        => Leftovers.Run(DriverFixture.Executable, [.. command, "--endpoint", "unix://" + Path.Combine(Driver.Directory, "csi.sock")]);
}
