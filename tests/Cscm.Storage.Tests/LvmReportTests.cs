using Cscm.Storage.Pools;
using Cscm.Storage.Pools.Lvm;

namespace Cscm.Storage.Tests;

/// <summary>lvm's report as it was printed by lvm 2.03.31, and what is wrong with a volume group by it.</summary>
public sealed class LvmReportTests
{
    private const string Report = """
        {
            "report": [
                {
                    "vg": [
                        {"vg_name":"cscm-fast", "vg_tags":"cscm/0123/fast,other", "vg_extent_size":"2097152", "vg_permissions":"writeable"}
                    ]
                    ,
                    "pv": [
                        {"pv_name":"/dev/pmem0", "pv_uuid":"AfawsE", "pv_missing":"", "pv_pe_count":"499", "pe_start":"8388608"},
                        {"pv_name":"[unknown]", "pv_uuid":"ZcOV0k", "pv_missing":"missing", "pv_pe_count":"499", "pe_start":"8388608"}
                    ]
                    ,
                    "lv": [
                        {"lv_name":"two", "lv_tags":"cscm/0123/fast", "lv_size":"314572800", "lv_health_status":""},
                        {"lv_name":"str", "lv_tags":"", "lv_size":"419430400", "lv_health_status":"partial"}
                    ]
                    ,
                    "pvseg": [
                        {"pv_name":"/dev/pmem0", "pvseg_start":"0", "pvseg_size":"10", "lv_name":"two"},
                        {"pv_name":"/dev/pmem0", "pvseg_start":"10", "pvseg_size":"100", "lv_name":""},
                        {"pv_name":"/dev/pmem0", "pvseg_start":"110", "pvseg_size":"90", "lv_name":"two"},
                        {"pv_name":"/dev/pmem0", "pvseg_start":"300", "pvseg_size":"199", "lv_name":""}
                    ]
                    ,
                    "seg": [
                        {"lv_name":"two", "stripes":"1", "seg_start_pe":"90", "seg_pe_ranges":"/dev/pmem0:0-9"},
                        {"lv_name":"two", "stripes":"1", "seg_start_pe":"0", "seg_pe_ranges":"/dev/pmem0:110-199"},
                        {"lv_name":"str", "stripes":"2", "seg_start_pe":"0", "seg_pe_ranges":"/dev/pmem0:200-299 [unknown]:20-119"}
                    ]
                }
            ]
            ,
            "log": [
            ]
        }
        """;

    [Fact]
    public void A_report_tells_devices_volumes_in_the_order_of_their_addresses_and_what_is_free()
    {
        GroupReport group = Assert.Single(GroupReport.Parse(Report));
        Assert.Equal(("cscm-fast", 2L << 20, true), (group.Name, group.ExtentBytes, group.IsWritable));
        Assert.Equal(["cscm/0123/fast", "other"], group.Tags);
        Assert.Equal([new PhysicalVolume("/dev/pmem0", "AfawsE", false, 499, 8 << 20), new PhysicalVolume("[unknown]", "ZcOV0k", true, 499, 8 << 20)], group.Devices);
        Assert.Equal([new ExtentRun("/dev/pmem0", 110, 90), new ExtentRun("/dev/pmem0", 0, 10)], group.Volumes[0].Runs);
        Assert.Equal((314572800, 1), (group.Volumes[0].SizeBytes, group.Volumes[0].Stripes));
        Assert.Equal(("partial", 2), (group.Volumes[1].Health, group.Volumes[1].Stripes));
        Assert.Equal([new ExtentRun("/dev/pmem0", 10, 100), new ExtentRun("/dev/pmem0", 300, 199)], group.FreeRuns);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{}")]
    [InlineData("""{"report":[{"vg":[{"vg_name":"x"}]}]}""")]
    public void What_is_no_report_is_refused(string json) => Assert.Throws<FormatException>(() => GroupReport.Parse(json));

    [Fact]
    public void No_group_at_all_is_an_empty_report() => Assert.Empty(GroupReport.Parse("""{"report":[],"log":[]}"""));

    [Fact]
    public void A_missing_device_is_found_and_nothing_is_changed_until_it_is_back()
    {
        var group = new VolumeGroup(new LvmTool([], "/nowhere"), GroupReport.Parse(Report)[0], "cscm/0123/fast", IStepObserver.None);
        Assert.Contains(GroupHealth.ExaminePool("fast", group), finding => finding is { Reason: "DeviceMissing", Kind: HealthKind.Inaccessible } && finding.Message.Contains("ZcOV0k", StringComparison.Ordinal));
        Assert.Equal((0, 0), (group.Free(1).UsableBytes, group.Free(1).LargestBytes));
        Assert.Equal(StorageErrorKind.Unavailable, Assert.Throws<StorageException>(() => group.Create("new", 2 << 20, 1, isActive: false)).Kind);
        Assert.Equal(StorageErrorKind.Unavailable, Assert.Throws<StorageException>(() => group.Remove("two")).Kind);
    }

    [Fact]
    public void Volumes_without_the_pools_tag_are_not_the_pools()
    {
        var group = new VolumeGroup(new LvmTool([], "/nowhere"), GroupReport.Parse(Report)[0], "cscm/0123/fast", IStepObserver.None);
        Assert.Equal("two", Assert.Single(group.Volumes).Name);
        Assert.Null(group.Find("str"));
        Assert.Throws<StorageException>(() => group.Rename("str", "stolen"));
    }

    [Fact]
    public void Device_names_are_those_of_the_device_mapper()
    {
        var group = new VolumeGroup(new LvmTool([], "/nowhere"), GroupReport.Parse(Report)[0], "cscm/0123/fast", IStepObserver.None);
        Assert.Equal("cscm--fast-erase--12", group.DeviceNameOf("erase-12"));
    }

    [Fact]
    public void Signatures_are_read_from_wipefs()
        => Assert.Equal(["xfs", "gpt"], Signatures.Parse("0x0,8ec450b2-fa16-49f6-88b9-7138ad8b50c3,,xfs\n# comment\n0x200,,,gpt\n0x1ff,,,gpt\n"));
}
