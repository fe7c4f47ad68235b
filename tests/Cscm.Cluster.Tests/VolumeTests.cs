using Csi.V1;
using Cscm.Kubernetes;
using static Cscm.Cluster.Tests.RpcCalls;

namespace Cscm.Cluster.Tests;

/// <summary>A volume's life through the controller's RPCs and a node's agent.</summary>
public sealed class VolumeTests
{
    [Fact]
    public async Task A_volume_is_made_on_its_node_and_answered_and_deleted()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        TestNode node = await cluster.AddNodeAsync("n1");
        TestController controller = await cluster.AddControllerAsync();

        Volume volume = await controller.CreateAsync(Create("pvc-1", node: "n1"));
        Assert.Equal("n1", NodeOf(volume));
        Assert.Equal(16 * Mebi, volume.CapacityBytes);
        Assert.Equal("files", volume.VolumeContext["pool"]);
        Assert.Equal(volume.VolumeId, Assert.Single(node.Volumes.ListVolumes()).Id);
        ScmVolume item = (await cluster.FindVolumeAsync(volume.VolumeId))!;
        Assert.Equal((ScmPhase.Ready, "OK", "files"), (item.Status!.Phase, item.Status.Code, item.Status.Pool));
        Assert.Contains(item.Status.Conditions, condition => condition is { Type: "Ready", Status: "True" });

        await controller.DeleteAsync(volume.VolumeId);
        Assert.Null(await cluster.FindVolumeAsync(volume.VolumeId));
        Assert.Empty(node.Volumes.ListVolumes());
        await controller.DeleteAsync(volume.VolumeId);
    }
}
