using Cscm.Csi;
using Cscm.Csi.Admin;
using Cscm.Csi.Controller;
using Cscm.Csi.Hosting;
using Cscm.Csi.Logging;
using Cscm.Csi.Metrics;
using Cscm.Csi.Node;
using Cscm.Storage;
using Grpc.Health.V1;
using Grpc.HealthCheck;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Service = Csi.V1.PluginCapability.Types.Service.Types.Type;

namespace Cscm.Cli.Serve;

/// <summary>
/// The composition of the standalone driver: storage below, CSI services above, Kestrel around. Volumes stay mounted when it stops.
/// </summary>
internal static partial class ServeHost
{
    private static readonly Service[] s_services = [Service.ControllerService, Service.VolumeAccessibilityConstraints];

    /// <summary>Offered when a pool can copy volumes.</summary>
    private static readonly Service[] s_copyServices = [Service.GroupControllerService, Service.SnapshotMetadataService];

    public static async Task RunAsync(ServeSettings settings, LogLevel logLevel, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(settings.SocketPath)!);
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        CsiServer.ConfigureLogging(builder.Logging, logLevel);
        builder.WebHost.UseKestrelCore();
        // Handlers run on the pool in any case; the socket's own work need not change threads to get there.
        builder.WebHost.UseSockets(sockets => sockets.UnsafePreferInlineScheduling = true);
        builder.WebHost.ConfigureKestrel(server =>
        {
            server.ListenUnixSocketForGrpc(settings.SocketPath);
            if (settings.MetricsAddress is { } address)
                server.ListenForMetrics(address);
        });

        using ILoggerFactory startLog = LoggerFactory.Create(logging => CsiServer.ConfigureLogging(logging, logLevel));
        ILogger storageLog = startLog.CreateLogger("Cscm.Storage");
        using StorageHost storage = await StorageHost.OpenAsync(
            new StorageOptions { StateDirectory = settings.StateDirectory, Pools = settings.Pools },
            IStepObserver.None, TimeProvider.System, message => LogStorage(storageLog, message), cancellationToken);
        IServiceCollection services = builder.Services;
        services.LimitStop();
        services.AddSingleton(storage.Manager);
        services.AddSingleton(storage.Publisher);
        services.AddSingleton(new DriverInfo(settings.NodeId) { MaximumVolumes = settings.MaximumVolumes, ClaimsCsi113 = settings.ClaimsCsi113 });
        services.AddSingleton(new IdentityServices(storage.Manager.ListPools().Any(pool => pool.SupportsSnapshots) ? [.. s_services, .. s_copyServices] : s_services));
        services.AddSingleton<ServeReadiness>();
        services.AddSingleton<IReadiness>(provider => provider.GetRequiredService<ServeReadiness>());
        services.AddSingleton<IdentityService>();
        services.AddSingleton<ControllerService>();
        services.AddSingleton<GroupControllerService>();
        services.AddSingleton<SnapshotMetadataService>();
        services.AddSingleton<NodeService>();
        services.AddSingleton<AdminService>();
        services.AddSingleton<HealthServiceImpl>();
        services.AddSingleton<CallMetrics>();
        services.AddSingleton<IMetricsSource>(provider => provider.GetRequiredService<CallMetrics>());
        services.AddSingleton<IMetricsSource, StorageMetrics>();
        services.AddSingleton<CallInterceptor>();
        services.AddGrpc(options => options.Interceptors.Add<CallInterceptor>());
        services.AddGrpcReflection();

        await using WebApplication app = builder.Build();
        using var memory = new IdleMemory();
        app.Use(async (context, next) =>
        {
            await next(context);
            memory.Touch();
        });
        app.UseMetrics();
        app.UseRouting();
        app.MapGrpcService<IdentityService>();
        app.MapGrpcService<ControllerService>();
        app.MapGrpcService<GroupControllerService>();
        app.MapGrpcService<SnapshotMetadataService>();
        app.MapGrpcService<NodeService>();
        app.MapGrpcService<AdminService>();
        app.MapGrpcService<HealthServiceImpl>();
        app.MapGrpcReflectionService();

        await app.StartAsync(cancellationToken);
        ILogger log = app.Services.GetRequiredService<ILoggerFactory>().CreateLogger("Cscm.Serve");
        foreach (PoolInfo pool in storage.Manager.ListPools())
            LogPool(log, pool.Name, pool.Kind, pool.Capacity.AvailableBytes, pool.Capacity.TotalBytes);
        LogServing(log, DriverInfo.Version, settings.NodeId, settings.Endpoint);
        app.Services.GetRequiredService<ServeReadiness>().IsReady = true;
        memory.Touch();
        app.Services.GetRequiredService<HealthServiceImpl>().SetStatus("", HealthCheckResponse.Types.ServingStatus.Serving);
        await app.WaitForShutdownAsync(cancellationToken);
    }

    [LoggerMessage(EventId = 1, Level = LogLevel.Information, Message = "cscm {Version} serves node {NodeId} on {Endpoint}")]
    private static partial void LogServing(ILogger logger, string version, string nodeId, string endpoint);

    [LoggerMessage(EventId = 2, Level = LogLevel.Warning, Message = "{Message}")]
    private static partial void LogStorage(ILogger logger, string message);

    [LoggerMessage(EventId = 3, Level = LogLevel.Information, Message = "pool {Pool} ({Kind}): {AvailableBytes} of {TotalBytes} bytes available")]
    private static partial void LogPool(ILogger logger, string pool, PoolKind kind, long availableBytes, long totalBytes);

    private sealed class ServeReadiness : IReadiness
    {
        public bool IsReady { get; set; }
    }
}
