using System.Net;
using Cscm.Csi.Metrics;
using Grpc.Core;

namespace Cscm.Csi.Tests.Metrics;

public sealed class MetricsTextTests
{
    [Fact]
    public void Labels_cannot_break_out_of_their_quotes()
    {
        string text = new MetricsText().Family("a", "gauge", "Help.").Sample("a", 1.5, ("name", "x\"y\\z\nw")).ToString();
        Assert.Equal("# HELP a Help.\n# TYPE a gauge\na{name=\"x\\\"y\\\\z\\nw\"} 1.5\n", text);
    }

    [Fact]
    public void A_histogram_counts_each_call_in_every_bucket_that_holds_it()
    {
        var calls = new CallMetrics();
        calls.Add("/m", StatusCode.OK, TimeSpan.FromMilliseconds(2));
        calls.Add("/m", StatusCode.OK, TimeSpan.FromSeconds(200));
        calls.Add("/m", StatusCode.Aborted, TimeSpan.Zero);
        var text = new MetricsText();
        calls.Write(text);
        string[] lines = text.ToString().Split('\n');
        Assert.Contains("cscm_csi_operations_seconds_bucket{method=\"/m\",code=\"OK\",le=\"0.001\"} 0", lines);
        Assert.Contains("cscm_csi_operations_seconds_bucket{method=\"/m\",code=\"OK\",le=\"0.005\"} 1", lines);
        Assert.Contains("cscm_csi_operations_seconds_bucket{method=\"/m\",code=\"OK\",le=\"120\"} 1", lines);
        Assert.Contains("cscm_csi_operations_seconds_bucket{method=\"/m\",code=\"OK\",le=\"+Inf\"} 2", lines);
        Assert.Contains("cscm_csi_operations_seconds_sum{method=\"/m\",code=\"OK\"} 200.002", lines);
        Assert.Contains("cscm_csi_operations_seconds_count{method=\"/m\",code=\"Aborted\"} 1", lines);
    }

    [Theory]
    [InlineData("127.0.0.1:9808", "127.0.0.1", 9808)]
    [InlineData("[::1]:9808", "::1", 9808)]
    [InlineData(":9808", "::", 9808)]
    public void Addresses_are_read(string text, string address, int port) => Assert.Equal(new IPEndPoint(IPAddress.Parse(address), port), MetricsEndpoint.ParseAddress(text));

    [Theory]
    [InlineData("")]
    [InlineData("localhost")]
    [InlineData("127.0.0.1")]
    [InlineData("127.0.0.1:0")]
    [InlineData(":99999")]
    public void What_is_no_address_with_a_port_is_refused(string text) => Assert.Null(MetricsEndpoint.ParseAddress(text));
}
