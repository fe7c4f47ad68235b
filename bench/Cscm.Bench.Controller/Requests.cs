using Csi.V1;

namespace Cscm.Bench.Controller;

internal static class Requests
{
    public static DateTime Deadline => TimeProvider.System.GetUtcNow().UtcDateTime.AddMinutes(1);

    public static CreateVolumeRequest Create(string name) => new()
    {
        Name = name,
        CapacityRange = new CapacityRange { RequiredBytes = SimulatedCluster.VolumeBytes },
        VolumeCapabilities =
        {
            new VolumeCapability
            {
                Mount = new VolumeCapability.Types.MountVolume(),
                AccessMode = new VolumeCapability.Types.AccessMode { Mode = VolumeCapability.Types.AccessMode.Types.Mode.SingleNodeWriter },
            },
        },
    };
}
