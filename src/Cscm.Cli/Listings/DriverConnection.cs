using System.Net.Sockets;
using Cscm.Cli.Serve;
using Cscm.Csi.Hosting;
using Grpc.Core;
using Grpc.Net.Client;

namespace Cscm.Cli.Listings;

/// <summary>A connection to the driver that runs on this machine.</summary>
internal sealed class DriverConnection : IDisposable
{
    private readonly GrpcChannel _channel;

    private DriverConnection(GrpcChannel channel) => (_channel, Admin) = (channel, new Admin.V1.Admin.AdminClient(channel));

    public Admin.V1.Admin.AdminClient Admin { get; }

    public static DriverConnection Open(string endpoint)
    {
        string socketPath = new ServeSettings { Endpoint = endpoint }.SocketPath;
        var handler = new SocketsHttpHandler
        {
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
        return new DriverConnection(GrpcChannel.ForAddress("http://localhost", new GrpcChannelOptions { HttpHandler = handler, DisposeHttpClient = true }));
    }

    /// <summary>Asks the driver and prints; a failure is a line for a person and exit code 1.</summary>
    public static async Task<int> AskAsync<T>(string command, string endpoint, Func<Admin.V1.Admin.AdminClient, AsyncUnaryCall<T>> ask, Action<T> print)
    {
        try
        {
            using DriverConnection driver = Open(endpoint);
            print(await ask(driver.Admin));
            return 0;
        }
        catch (Exception exception) when (exception is RpcException or UsageException)
        {
            string why = exception is RpcException { StatusCode: StatusCode.Unavailable }
                ? $"no driver answers on {endpoint}: start `cscm serve`, or name its socket with --endpoint"
                : exception is RpcException refusal ? refusal.Status.Detail : exception.Message;
            await Console.Error.WriteLineAsync($"cscm {command}: {why}");
            return 1;
        }
    }

    public void Dispose() => _channel.Dispose();
}
