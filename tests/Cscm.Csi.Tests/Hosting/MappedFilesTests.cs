using Cscm.Csi.Hosting;

namespace Cscm.Csi.Tests.Hosting;

public sealed class MappedFilesTests
{
    [Theory]
    [InlineData("10000000-10002000 r-xp 00000000 fe:00 42    /opt/cscm/libcoreclr.so", 0, true)]
    [InlineData("10000000-10002000 r--s 00000000 fe:00 42    /opt/cscm/a name with spaces.dll", 0, true)]
    [InlineData("10000000-10002000 r-xp 00000000 fe:00 42    /opt/cscm/libcoreclr.so", 4, false)]
    [InlineData("10000000-10002000 rw-p 00000000 fe:00 42    /opt/cscm/libcoreclr.so", 0, false)]
    [InlineData("10000000-10002000 r--p 00000000 fe:00 42    /opt/cscm/libcoreclr.so", 0, false)]
    [InlineData("10000000-10002000 r-xs 00000000 00:01 42    /memfd:doublemapper (deleted)", 0, false)]
    [InlineData("10000000-10002000 r--p 00000000 00:00 0", 0, false)]
    [InlineData("7ffd1000-7ffd3000 r-xp 00000000 00:00 0    [vdso]", 0, false)]
    public void Only_what_the_file_alone_can_bring_back_is_unmapped(string mapping, int anonymousKilobytes, bool isUnmapped)
    {
        string[] smaps = [mapping, "Size:                  8 kB", "Rss:                   8 kB", $"Anonymous:             {anonymousKilobytes} kB", "VmFlags: rd ex mr mw me"];
        IEnumerable<(nuint, nuint)> expected = isUnmapped ? [((nuint)0x10000000, (nuint)0x2000)] : [];
        Assert.Equal(expected, MappedFiles.Unchanged(smaps));
    }

    [Fact]
    public void Each_mapping_is_judged_by_its_own_lines()
    {
        string[] smaps =
        [
            "1000-2000 r-xp 00000000 fe:00 1    /lib/changed.so",
            "Anonymous:             4 kB",
            "2000-5000 r-xp 00000000 fe:00 1    /lib/unchanged.so",
            "Anonymous:             0 kB",
            "5000-6000 rw-p 00000000 00:00 0",
            "Anonymous:             0 kB",
        ];
        Assert.Equal([((nuint)0x2000, (nuint)0x3000)], MappedFiles.Unchanged(smaps));
    }
}
