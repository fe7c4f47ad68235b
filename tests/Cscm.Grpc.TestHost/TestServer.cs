using Cscm.Csi.Hosting;
using Grpc.AspNetCore.Server;
using Grpc.Health.V1;
using Grpc.HealthCheck;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Cscm.Grpc.TestHost;

/// <summary>Every CSI service, health and reflection on one Unix socket.</summary>
public static class TestServer
{
    public static WebApplication Create(string socketPath, Action<GrpcServiceOptions>? configure = null)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.ListenUnixSocketForGrpc(socketPath));
        builder.Services.AddSingleton<HealthServiceImpl>();
        builder.Services.AddSingleton<IdentityService>();
        builder.Services.AddGrpcReflection();
        builder.Services.AddGrpc(options =>
        {
            options.Interceptors.Add<ScriptInterceptor>();
            options.ResponseCompressionAlgorithm = "gzip";
            configure?.Invoke(options);
        });

        var application = builder.Build();
        application.MapGrpcService<IdentityService>();
        application.MapGrpcService<ControllerService>();
        application.MapGrpcService<GroupControllerService>();
        application.MapGrpcService<SnapshotMetadataService>();
        application.MapGrpcService<NodeService>();
        application.MapGrpcService<HealthServiceImpl>();
        application.MapGrpcReflectionService();

        var health = application.Services.GetRequiredService<HealthServiceImpl>();
        health.SetStatus("", HealthCheckResponse.Types.ServingStatus.Serving);
        health.SetStatus("csi.v1.Node", HealthCheckResponse.Types.ServingStatus.NotServing);
        return application;
    }
}
