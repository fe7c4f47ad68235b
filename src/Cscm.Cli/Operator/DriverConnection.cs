using System.Net.Sockets;
using Cscm.Cli.Serve;
using Cscm.Csi.Hosting;
using Cscm.Storage;
using Csi.V1;
using Grpc.Core;
using Grpc.Net.Client;
using AdminClient = Cscm.Admin.V1.Admin.AdminClient;

namespace Cscm.Cli.Operator;

/// <summary>A connection to the driver that runs on this machine.</summary>
internal sealed class DriverConnection : IDisposable
{
    private readonly GrpcChannel _channel;

    private DriverConnection(GrpcChannel channel)
    {
        _channel = channel;
        Admin = new AdminClient(channel);
        Controller = new Controller.ControllerClient(channel);
        Node = new Node.NodeClient(channel);
    }

    public AdminClient Admin { get; }

    public Controller.ControllerClient Controller { get; }

    public Node.NodeClient Node { get; }

    /// <summary>Connects, asks and prints; a failure is a line for a person and exit code 1.</summary>
    public static async Task<int> UseAsync(string command, string endpoint, Func<DriverConnection, Task> use)
    {
        try
        {
            using DriverConnection driver = Open(endpoint);
            await use(driver);
            return 0;
        }
        catch (RpcException exception)
        {
            await Console.Error.WriteLineAsync($"cscm {command}: " + (exception.StatusCode == StatusCode.Unavailable
                ? $"no driver answers on {endpoint}: start `cscm serve`, or name its socket with --endpoint"
                : $"{exception.StatusCode}: {exception.Status.Detail}"));
        }
        catch (Exception exception) when (exception is UsageException or IOException or UnauthorizedAccessException or StorageException)
        {
            await Console.Error.WriteLineAsync($"cscm {command}: {exception.Message}");
        }
        return 1;
    }

    public void Dispose() => _channel.Dispose();

    private static DriverConnection Open(string endpoint)
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
}
