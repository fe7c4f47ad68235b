using Csi.V1;
using Grpc.Core;
using IdentityBase = Csi.V1.Identity.IdentityBase;
using Service = Csi.V1.PluginCapability.Types.Service.Types.Type;
using VolumeExpansion = Csi.V1.PluginCapability.Types.VolumeExpansion.Types.Type;

namespace Cscm.Csi;

/// <summary>CSI Identity. Thread-safe.</summary>
/// <param name="services">The plugin services that this process offers.</param>
/// <param name="readiness">Whether the process can serve now.</param>
public sealed class IdentityService(IdentityServices services, IReadiness readiness) : IdentityBase
{
    public override Task<GetPluginInfoResponse> GetPluginInfo(GetPluginInfoRequest request, ServerCallContext context)
        => Task.FromResult(new GetPluginInfoResponse { Name = services.DriverName, VendorVersion = DriverInfo.Version });

    public override Task<GetPluginCapabilitiesResponse> GetPluginCapabilities(GetPluginCapabilitiesRequest request, ServerCallContext context)
    {
        var response = new GetPluginCapabilitiesResponse();
        foreach (Service service in services.Offered)
            response.Capabilities.Add(new PluginCapability { Service = new PluginCapability.Types.Service { Type = service } });
        response.Capabilities.Add(new PluginCapability
        {
            VolumeExpansion = new PluginCapability.Types.VolumeExpansion { Type = VolumeExpansion.Online },
        });
        return Task.FromResult(response);
    }

    public override Task<ProbeResponse> Probe(ProbeRequest request, ServerCallContext context)
        => Task.FromResult(new ProbeResponse { Ready = readiness.IsReady });
}

/// <summary>What GetPluginCapabilities lists, and GetPluginInfo's name.</summary>
public sealed record IdentityServices(IReadOnlyList<Service> Offered, string DriverName = DriverInfo.Name);

/// <summary>Whether the process has finished starting and can serve.</summary>
public interface IReadiness
{
    public bool IsReady { get; }
}
