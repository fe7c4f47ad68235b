using Cscm.Csi.Hosting;
using Cscm.Csi.Metrics;
using Cscm.Csi.Node.Agent;
using Cscm.Kubernetes;
using Cscm.Storage;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Service = Csi.V1.PluginCapability.Types.Service.Types.Type;

namespace Cscm.Csi.Node;

/// <summary>What the node service runs with. Immutable.</summary>
internal sealed record NodeSettings
{
    public required DriverInfo Driver { get; init; }
    public required string Endpoint { get; init; }
    public required string Kubeconfig { get; init; }
    public required string StateDirectory { get; init; }
    public required IReadOnlyList<PoolOptions> Pools { get; init; }
    public required string MetricsAddress { get; init; }
    public required OrphanPolicy Orphans { get; init; }
    public required LogLevel LogLevel { get; init; }
}

/// <summary>
/// The composition of the cluster's node service: storage below, NodeService and agent above, Kestrel around. It mounts before it has
/// reached the API server, and when it stops, volumes stay mounted.
/// </summary>
internal static partial class NodeHost
{
    private static readonly Service[] s_services = [Service.VolumeAccessibilityConstraints];

    public static async Task RunAsync(NodeSettings settings, CancellationToken cancellationToken)
    {
        WebApplicationBuilder builder = CsiServer.CreateBuilder(settings.Endpoint, settings.MetricsAddress, settings.LogLevel);
        ClusterConfig config = ClusterConfig.Find(settings.Kubeconfig);
        using ILoggerFactory logs = LoggerFactory.Create(logging => CsiServer.ConfigureLogging(logging, settings.LogLevel));
        ILogger log = logs.CreateLogger("Cscm.Node");
        using StorageHost storage = await StorageHost.OpenAsync(
            new StorageOptions { StateDirectory = settings.StateDirectory, Pools = settings.Pools },
            IStepObserver.None, TimeProvider.System, message => LogStorage(log, message), cancellationToken);
        var statistics = new ApiStatistics();
        using var client = new RestKubernetes(config, statistics);
        using var agent = new NodeAgent(
            client, storage.Manager, settings.Driver.NodeId, new NodeAgentOptions { Orphans = settings.Orphans }, new InformerOptions(), log);

        IServiceCollection services = builder.Services;
        services.AddSingleton(storage.Manager);
        services.AddSingleton(storage.Publisher);
        services.AddSingleton(settings.Driver);
        services.AddSingleton(new IdentityServices(s_services, settings.Driver.DriverName));
        services.AddSingleton<NodeService>();
        services.AddSingleton<IMetricsSource, StorageMetrics>();
        services.AddSingleton<IMetricsSource, ProcessMetrics>();
        services.AddSingleton<IMetricsSource>(new ApiMetrics(() => statistics.ByKind));
        await using WebApplication app = builder.Build();
        using var memory = new IdleMemory();
        app.UseCsi(memory);
        app.MapGrpcService<NodeService>();

        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, app.Lifetime.ApplicationStopping);
        await app.StartAsync(cancellationToken);
        app.Services.GetRequiredService<Readiness>().IsReady = true;
        LogServing(log, DriverInfo.Version, settings.Driver.NodeId, settings.Driver.DriverName, settings.Endpoint, config.Server);
        memory.Touch();
        Task running = agent.RunAsync(stop.Token);
        await app.WaitForShutdownAsync(cancellationToken);
        await stop.CancelAsync();
        await running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    [LoggerMessage(EventId = 1, Level = LogLevel.Information, Message = "cscm {Version} serves node {Node} of {Driver} on {Endpoint}, cluster {Server}")]
    private static partial void LogServing(ILogger logger, string version, string node, string driver, string endpoint, Uri server);

    [LoggerMessage(EventId = 2, Level = LogLevel.Warning, Message = "{Message}")]
    private static partial void LogStorage(ILogger logger, string message);
}
