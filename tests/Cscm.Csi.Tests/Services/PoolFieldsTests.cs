using Cscm.Csi.Hosting;

namespace Cscm.Csi.Tests.Services;

public sealed class PoolFieldsTests
{
    [Fact]
    public void An_erase_rate_is_read_in_bytes_per_second()
        => Assert.Equal(200L << 20, PoolFields.ReadFlag("name=fast,kind=xfs,size=1Gi,source=region0,eraseRate=200Mi").EraseBytesPerSecond);

    [Fact]
    public void Without_an_erase_rate_there_is_no_limit()
        => Assert.Null(PoolFields.ReadFlag("name=fast,kind=xfs,size=1Gi,source=region0").EraseBytesPerSecond);

    [Theory]
    [InlineData("0")]
    [InlineData("fast")]
    [InlineData("-1")]
    public void An_erase_rate_that_is_none_is_refused_with_an_example(string text)
        => Assert.Contains(
            "write 200Mi", Assert.Throws<UsageException>(() => PoolFields.ReadFlag($"name=fast,kind=xfs,size=1Gi,eraseRate={text}")).Message, StringComparison.Ordinal);
}
