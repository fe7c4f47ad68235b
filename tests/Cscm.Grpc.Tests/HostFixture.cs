using System.Net.Sockets;
using Cscm.Grpc.TestHost;
using Grpc.AspNetCore.Server;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Builder;

namespace Cscm.Grpc.Tests;

/// <summary>The scripted CSI host on a socket of its own.</summary>
public class HostFixture : IAsyncLifetime
{
    private readonly string _directory = Directory.CreateTempSubdirectory("cscm-grpc-").FullName;
    private WebApplication? _server;

    public string SocketPath => Path.Combine(_directory, "csi.sock");

    public IServiceProvider Services => _server!.Services;

    public static GrpcChannel Connect(string socketPath, Action<GrpcChannelOptions>? configure = null)
    {
        var options = new GrpcChannelOptions { HttpHandler = UnixSocketHandler(socketPath), DisposeHttpClient = true };
        configure?.Invoke(options);
        return GrpcChannel.ForAddress("http://localhost", options);
    }

    public static SocketsHttpHandler UnixSocketHandler(string socketPath) => new()
    {
        UseProxy = false,
        ConnectCallback = async (_, cancellationToken) =>
        {
            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            try
            {
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(socketPath), cancellationToken);
                return new NetworkStream(socket, ownsSocket: true);
            }
            catch
            {
                socket.Dispose();
                throw;
            }
        },
    };

    public GrpcChannel Connect(Action<GrpcChannelOptions>? configure = null) => Connect(SocketPath, configure);

    public virtual async Task InitializeAsync()
    {
        _server = TestServer.Create(SocketPath, Configure);
        await _server.StartAsync();
    }

    /// <summary>Ends the server as a kill would: what is under way is cut off.</summary>
    public async Task AbortAsync()
    {
        using var now = new CancellationTokenSource(TimeSpan.Zero);
        await _server!.StopAsync(now.Token);
        await _server.DisposeAsync();
    }

    public async Task DisposeAsync()
    {
        await _server!.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
    }

    protected virtual void Configure(GrpcServiceOptions options)
    {
    }
}
