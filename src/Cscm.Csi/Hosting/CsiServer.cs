using System.CommandLine;
using System.Net;
using Cscm.Csi.Logging;
using Cscm.Csi.Metrics;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Cscm.Csi.Hosting;

/// <summary>What the cluster's two programs have in common: gRPC on a Unix socket, metrics on an address of their own, a log of lines.</summary>
public static class CsiServer
{
    private const string UnixScheme = "unix://";

    /// <summary>How long calls in flight may take once a server is to end: an orchestrator kills it after 30 s.</summary>
    private static readonly TimeSpan s_stopLimit = TimeSpan.FromSeconds(25);

    /// <summary>For a command that serves: the host limits its own end, where System.CommandLine would end the process two seconds after SIGTERM.</summary>
    public static InvocationConfiguration Invocation => new() { ProcessTerminationTimeout = Timeout.InfiniteTimeSpan };

    /// <param name="endpoint">unix:///path/to/csi.sock; its directory is made if need be.</param>
    /// <param name="metricsAddress">Empty for none.</param>
    /// <param name="level">The least that is logged.</param>
    /// <exception cref="UsageException">One of them cannot be.</exception>
    public static WebApplicationBuilder CreateBuilder(string endpoint, string metricsAddress, LogLevel level)
    {
        if (!endpoint.StartsWith(UnixScheme, StringComparison.Ordinal) || !Path.IsPathRooted(endpoint[UnixScheme.Length..]))
            throw new UsageException($"endpoint '{endpoint}' is not a Unix socket: write unix:///path/to/csi.sock");
        string socketPath = endpoint[UnixScheme.Length..];
        IPEndPoint? metrics = metricsAddress.Length == 0 ? null : MetricsEndpoint.ParseAddress(metricsAddress)
            ?? throw new UsageException($"metrics address '{metricsAddress}' is unknown: write 127.0.0.1:9808, or :9808 for all addresses");
        Directory.CreateDirectory(Path.GetDirectoryName(socketPath)!);

        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        ConfigureLogging(builder.Logging, level);
        builder.WebHost.UseKestrelCore();
        builder.WebHost.ConfigureKestrel(server =>
        {
            server.ListenUnixSocketForGrpc(socketPath);
            if (metrics is not null)
                server.ListenForMetrics(metrics);
        });
        builder.Services.LimitStop();
        builder.Services.AddSingleton<Readiness>();
        builder.Services.AddSingleton<IReadiness>(provider => provider.GetRequiredService<Readiness>());
        builder.Services.AddSingleton<IdentityService>();
        builder.Services.AddSingleton<CallMetrics>();
        builder.Services.AddSingleton<IMetricsSource>(provider => provider.GetRequiredService<CallMetrics>());
        builder.Services.AddSingleton<CallInterceptor>();
        builder.Services.AddGrpc(options => options.Interceptors.Add<CallInterceptor>());
        return builder;
    }

    /// <summary>Has the host end before an orchestrator loses its patience.</summary>
    public static void LimitStop(this IServiceCollection services) => services.Configure<HostOptions>(host => host.ShutdownTimeout = s_stopLimit);

    /// <summary>Lines on standard output.</summary>
    public static void ConfigureLogging(ILoggingBuilder logging, LogLevel level) => logging
        .SetMinimumLevel(level)
        .AddFilter("Microsoft", LogLevel.Warning)
        .AddProvider(new LineLog(Console.OpenStandardOutput(), TimeProvider.System));

    /// <summary>Metrics, idle memory given back, Identity; the program maps its own services next.</summary>
    public static void UseCsi(this WebApplication app, IdleMemory memory)
    {
        app.Use(async (context, next) =>
        {
            await next(context);
            memory.Touch();
        });
        app.UseMetrics();
        app.UseRouting();
        app.MapGrpcService<IdentityService>();
    }
}

/// <summary>Set once the program can serve.</summary>
public sealed class Readiness : IReadiness
{
    public bool IsReady { get; set; }
}
