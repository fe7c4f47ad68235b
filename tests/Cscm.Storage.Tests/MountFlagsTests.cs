using Cscm.Storage.Linux;
using Cscm.Storage.Pools;

namespace Cscm.Storage.Tests;

public sealed class MountFlagsTests
{
    [Fact]
    public void Volumes_are_mounted_without_devices_and_set_user_ids_unless_told_otherwise()
    {
        Assert.Equal(MountAttribute.NoDevices | MountAttribute.NoSuid, MountFlags.Parse([], "ext4").Attributes);
        Assert.Equal(MountAttribute.None, MountFlags.Parse(["dev", "suid"], "ext4").Attributes);
    }

    [Fact]
    public void Attributes_of_the_mount_and_options_of_the_file_system_are_told_apart()
    {
        MountFlags flags = MountFlags.Parse(["ro", "noatime,noexec", "discard", "data=ordered", "nosymfollow"], "ext4");
        Assert.True(flags.IsReadOnly);
        Assert.Equal(
            MountAttribute.NoDevices | MountAttribute.NoSuid | MountAttribute.NoAtime | MountAttribute.NoExec | MountAttribute.NoSymlinkFollow, flags.Attributes);
        Assert.Equal([new FileSystemOption("discard"), new FileSystemOption("data", "ordered")], flags.Options);
    }

    [Theory]
    [InlineData("context=\"system_u:object_r:container_file_t:s0:c1,c2\"", "system_u:object_r:container_file_t:s0:c1,c2")]
    [InlineData("context=system_u:object_r:container_file_t:s0", "system_u:object_r:container_file_t:s0")]
    public void An_SELinux_label_is_passed_on_with_its_commas_and_without_its_quotes(string flag, string label)
        => Assert.Equal([new FileSystemOption("context", label)], MountFlags.Parse([flag], "xfs").Options);

    [Theory]
    [InlineData("bind")]
    [InlineData("remount")]
    [InlineData("user")]
    [InlineData("loop=/dev/loop0")]
    [InlineData("")]
    [InlineData("noatime,,nodev")]
    [InlineData("data=ordered;reboot")]
    [InlineData("data=")]
    [InlineData("discard=1")]
    [InlineData("commit")]
    [InlineData("errors=panic")]
    [InlineData("allocsize=1m")]
    [InlineData("context=")]
    [InlineData("context")]
    [InlineData("context=\"a")]
    [InlineData("context=a b")]
    [InlineData("noatime\n")]
    [InlineData("usrjquota=x")]
    public void Anything_unknown_is_refused(string flag)
        => Assert.Equal(StorageErrorKind.InvalidArgument, Assert.Throws<StorageException>(() => MountFlags.Parse([flag], "ext4")).Kind);

    [Fact]
    public void A_dram_volume_cannot_be_given_a_label_and_says_what_can()
    {
        StorageException refusal = Assert.Throws<StorageException>(() => MountFlags.Parse(["context=\"a:b:c\""], "tmpfs"));
        Assert.Contains("file pool", refusal.Message, StringComparison.Ordinal);
    }
}
