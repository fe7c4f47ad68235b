using Cscm.Csi.Hosting;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Cscm.Grpc.Tests;

/// <summary>Answers every request as the test wants, right or wrong.</summary>
internal sealed class FakeServer : IAsyncDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("cscm-grpc-").FullName;
    private readonly WebApplication _application;

    private FakeServer(RequestDelegate answer)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.ListenUnixSocketForGrpc(SocketPath));
        _application = builder.Build();
        _application.Run(answer);
    }

    public string SocketPath => Path.Combine(_directory, "fake.sock");

    public static async Task<FakeServer> StartAsync(RequestDelegate answer)
    {
        var server = new FakeServer(answer);
        await server._application.StartAsync();
        return server;
    }

    /// <summary>A proper response of these bytes and trailers.</summary>
    public static Task<FakeServer> StartAsync(byte[] body, params (string Name, string Value)[] trailers) => StartAsync(async http =>
    {
        http.Response.ContentType = "application/grpc";
        await http.Response.Body.WriteAsync(body);
        foreach (var (name, value) in trailers)
            http.Response.AppendTrailer(name, value);
    });

    public GrpcChannel Connect(Action<GrpcChannelOptions>? configure = null) => HostFixture.Connect(SocketPath, configure);

    public async ValueTask DisposeAsync()
    {
        using var soon = new CancellationTokenSource(TimeSpan.FromSeconds(1));
        await _application.StopAsync(soon.Token);
        await _application.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
    }
}
