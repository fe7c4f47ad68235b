using Cscm.Csi.Controller.Cluster;
using Cscm.Csi.Hosting;
using Cscm.Csi.Metrics;
using Cscm.Kubernetes;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Service = Csi.V1.PluginCapability.Types.Service.Types.Type;

namespace Cscm.Csi.Controller;

/// <summary>What the controller runs with. Immutable.</summary>
internal sealed record ControllerSettings
{
    public required DriverInfo Driver { get; init; }
    public required string Endpoint { get; init; }
    public required string Kubeconfig { get; init; }
    public required bool ElectsLeader { get; init; }
    public required string ElectionNamespace { get; init; }
    public required string MetricsAddress { get; init; }
    public required OrphanPolicy Orphans { get; init; }
    public required LogLevel LogLevel { get; init; }
}

/// <summary>The composition of the cluster's controller: watches below, CSI services above, Kestrel around.</summary>
internal static partial class ControllerHost
{
    private static readonly Service[] s_services = [Service.ControllerService, Service.GroupControllerService, Service.VolumeAccessibilityConstraints];

    public static async Task RunAsync(ControllerSettings settings, CancellationToken cancellationToken)
    {
        WebApplicationBuilder builder = CsiServer.CreateBuilder(settings.Endpoint, settings.MetricsAddress, settings.LogLevel);
        ClusterConfig config = ClusterConfig.Find(settings.Kubeconfig);
        using ILoggerFactory logs = LoggerFactory.Create(logging => CsiServer.ConfigureLogging(logging, settings.LogLevel));
        ILogger log = logs.CreateLogger("Cscm.Controller");
        var statistics = new ApiStatistics();
        using var client = new RestKubernetes(config, statistics);
        var garbage = new GarbageOptions { Orphans = settings.Orphans, DriverName = settings.Driver.DriverName };
        var cluster = new ClusterController(client, new InformerOptions(), garbage, log);
        string identity = $"{Environment.MachineName}_{Guid.NewGuid():N}";
        string electionNamespace = settings.ElectionNamespace.Length == 0 ? config.Namespace : settings.ElectionNamespace;
        // Two installations may share a namespace, never a driver's name.
        var election = new LeaderElection(client, electionNamespace, $"{settings.Driver.DriverName}-controller", identity, log);

        IServiceCollection services = builder.Services;
        services.AddSingleton(cluster.Volumes);
        services.AddSingleton(cluster.Placement);
        services.AddSingleton(settings.Driver);
        services.AddSingleton(new IdentityServices(s_services, settings.Driver.DriverName));
        services.AddSingleton<ControllerService>();
        services.AddSingleton<GroupControllerService>();
        services.AddSingleton<IMetricsSource>(new ClusterMetrics(cluster, election));
        services.AddSingleton<IMetricsSource, ProcessMetrics>();
        services.AddSingleton<IMetricsSource>(new ApiMetrics(() => statistics.ByKind));
        await using WebApplication app = builder.Build();
        using var memory = new IdleMemory();
        app.UseCsi(memory);
        app.MapGrpcService<ControllerService>();
        app.MapGrpcService<GroupControllerService>();

        // Kestrel's own handling of SIGTERM ends the rest too.
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, app.Lifetime.ApplicationStopping);
        // Calls in flight wait for what the watches tell: the watches go after them.
        using var drained = new CancellationTokenSource();
        await app.StartAsync(cancellationToken);
        LogServing(log, DriverInfo.Version, settings.Driver.DriverName, settings.Endpoint, config.Server);
        Task watching = cluster.RunAsync(drained.Token);
        Task leading = settings.ElectsLeader ? election.RunAsync(cluster.LeadAsync, stop.Token) : cluster.LeadAsync(stop.Token);
        Task ready = BecomeReadyAsync(cluster, app.Services.GetRequiredService<Readiness>(), memory, log, stop.Token);
        await app.WaitForShutdownAsync(cancellationToken);
        await stop.CancelAsync();
        await drained.CancelAsync();
        await Task.WhenAll(watching, leading, ready).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private static async Task BecomeReadyAsync(ClusterController cluster, Readiness readiness, IdleMemory memory, ILogger log, CancellationToken cancellationToken)
    {
        await cluster.Synced.WaitAsync(cancellationToken);
        readiness.IsReady = true;
        memory.Touch();
        LogReady(log, cluster.VolumeCount, cluster.NodeCount);
    }

    [LoggerMessage(EventId = 1, Level = LogLevel.Information, Message = "cscm {Version} controller of {Driver} listens on {Endpoint}, cluster {Server}")]
    private static partial void LogServing(ILogger logger, string version, string driver, string endpoint, Uri server);

    [LoggerMessage(EventId = 2, Level = LogLevel.Information, Message = "ready: {Volumes} volumes on {Nodes} nodes")]
    private static partial void LogReady(ILogger logger, int volumes, int nodes);
}
