using System.Net;
using System.Net.Sockets;
using Csi.V1;
using Cscm.Csi.Tests.Driver;

namespace Cscm.Csi.Tests.Conformance;

/// <summary>What a scrape of a running driver shows.</summary>
public sealed class MetricsTests
{
    [DriverFact]
    public async Task A_scrape_shows_pools_volumes_and_calls_and_nothing_else_is_served_there()
    {
        string address = $"127.0.0.1:{FreePort()}";
        await using DriverProcess driver = await DriverProcess.StartAsync(DriverFixture.Executable, PoolCase.Pools, "--metrics-address", address);
        PoolCase pool = PoolCase.Of("dram");
        Volume volume = (await driver.Client.Controller.CreateVolumeAsync(pool.Create("scraped"))).Volume;
        using var http = new HttpClient { BaseAddress = new Uri($"http://{address}") };

        string[] lines = (await http.GetStringAsync("/metrics")).Split('\n');
        Assert.Contains("cscm_pool_volumes{pool=\"dram\"} 1", lines);
        Assert.Contains(lines, line => line.StartsWith("cscm_csi_operations_seconds_count{method=\"/csi.v1.Controller/CreateVolume\",code=\"OK\"} 1", StringComparison.Ordinal));
        string available = lines.Single(line => line.StartsWith("cscm_pool_available_bytes{pool=\"dram\"", StringComparison.Ordinal));
        GetCapacityResponse capacity = await driver.Client.Controller.GetCapacityAsync(new GetCapacityRequest { Parameters = { ["pool"] = "dram" } });
        Assert.EndsWith($" {capacity.AvailableCapacity}", available, StringComparison.Ordinal);

        using HttpResponseMessage call = await http.PostAsync("/csi.v1.Controller/ListVolumes", null);
        Assert.Equal(HttpStatusCode.NotFound, call.StatusCode);
        await driver.Client.Controller.DeleteVolumeAsync(new DeleteVolumeRequest { VolumeId = volume.VolumeId });
    }

    private static int FreePort()
    {
        using var probe = new TcpListener(IPAddress.Loopback, 0);
        probe.Start();
        return ((IPEndPoint)probe.LocalEndpoint).Port;
    }
}
