using System.Text.Json;
using Csi.V1;
using Cscm.Csi.Tests.Driver;

namespace Cscm.Csi.Tests.Conformance;

/// <summary>What an operator sees of a running driver: <c>cscm pools</c> and <c>cscm volumes</c>.</summary>
public sealed class ListingTests(DriverFixture fixture) : DriverTests(fixture)
{
    [DriverFact]
    public async Task Pools_are_listed_with_what_csi_says_of_their_capacity()
    {
        GetCapacityResponse capacity = await Controller.GetCapacityAsync(new GetCapacityRequest { Parameters = { ["pool"] = "dram" } });
        JsonElement pool = Json("pools").GetProperty("pools").EnumerateArray().Single(item => item.GetProperty("name").GetString() == "dram");
        Assert.Equal("dram", pool.GetProperty("kind").GetString());
        Assert.Equal(capacity.AvailableCapacity, pool.GetProperty("availableBytes").GetInt64());
        Assert.Equal(capacity.MaximumVolumeSize, pool.GetProperty("maximumVolumeBytes").GetInt64());
        Assert.Contains("LARGEST", Ask("pools"), StringComparison.Ordinal);
    }

    [DriverFact]
    public async Task A_volume_is_listed_with_its_size_and_where_it_is_mounted()
    {
        PoolCase pool = PoolCase.Of("ext4");
        Volume volume = await CreateAsync(pool);
        string staging = await StageAsync(pool, volume);
        JsonElement listed = Json("volumes").GetProperty("volumes").EnumerateArray().Single(item => item.GetProperty("id").GetString() == volume.VolumeId);
        Assert.Equal(volume.CapacityBytes, listed.GetProperty("capacityBytes").GetInt64());
        Assert.Equal(staging, listed.GetProperty("stagingPath").GetString());
        // Image files promise no DAX, and nothing is claimed of it.
        Assert.False(listed.TryGetProperty("proof", out _));
        Assert.Contains(volume.VolumeId, Ask("volumes"), StringComparison.Ordinal);
    }

    [DriverFact]
    public void Without_a_driver_the_socket_is_named()
    {
        string answer = Leftovers.Run(DriverFixture.Executable, "volumes", "--endpoint", $"unix://{Scratch}/none.sock");
        Assert.Contains($"no driver answers on unix://{Scratch}/none.sock", answer, StringComparison.Ordinal);
    }

    private string Ask(params string[] command) => Leftovers.Run(DriverFixture.Executable, [.. command, "--endpoint", "unix://" + Path.Combine(Driver.Directory, "csi.sock")]);

    private JsonElement Json(string command) => JsonDocument.Parse(Ask(command, "--json")).RootElement.Clone();
}
