using Cscm.Csi.Validation;

namespace Cscm.Csi.Tests.Services;

public sealed class QuantityTests
{
    [Theory]
    [InlineData("0", 0)]
    [InlineData("1", 1)]
    [InlineData("9223372036854775807", long.MaxValue)]
    [InlineData("1Ki", 1024)]
    [InlineData("3Mi", 3 << 20)]
    [InlineData("2Gi", 2L << 30)]
    [InlineData("1Ti", 1L << 40)]
    [InlineData("8191Pi", 8191L << 50)]
    [InlineData("5k", 5_000)]
    [InlineData("5M", 5_000_000)]
    [InlineData("5G", 5_000_000_000)]
    [InlineData("5T", 5_000_000_000_000)]
    [InlineData("9223P", 9_223_000_000_000_000_000)]
    public void A_quantity_is_read(string text, long sizeBytes)
    {
        Assert.True(Quantity.TryParse(text, out long read));
        Assert.Equal(sizeBytes, read);
    }

    [Theory]
    [InlineData("")]
    [InlineData(" ")]
    [InlineData("Gi")]
    [InlineData("-1")]
    [InlineData("+1")]
    [InlineData(" 1")]
    [InlineData("1 Gi")]
    [InlineData("1.5Gi")]
    [InlineData("1e3")]
    [InlineData("1gi")]
    [InlineData("1K")]
    [InlineData("1Zi")]
    [InlineData("0x10")]
    [InlineData("1_000")]
    [InlineData("１")]
    [InlineData("9223372036854775808")]
    [InlineData("8192Pi")]
    [InlineData("9224P")]
    [InlineData("9007199254740992Ki")]
    public void What_is_no_quantity_or_does_not_fit_is_refused(string text) => Assert.False(Quantity.TryParse(text, out _));

    [Fact]
    public void What_is_written_is_read_back_and_is_short()
    {
        var random = new Random(20261122);
        for (int i = 0; i < 10_000; i++)
        {
            long sizeBytes = random.NextInt64() >> random.Next(63);
            string text = Quantity.Format(sizeBytes);
            Assert.True(Quantity.TryParse(text, out long read), text);
            Assert.Equal(sizeBytes, read);
            Assert.True(text.Length <= sizeBytes.ToString().Length + 1, $"{sizeBytes} was written as {text}");
        }
        Assert.Equal("2Gi", Quantity.Format(2L << 30));
        Assert.Equal("1536Mi", Quantity.Format(1536L << 20));
        Assert.Equal("12345", Quantity.Format(12345));
    }
}
