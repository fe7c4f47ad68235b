using System.Net.Sockets;
using Csi.V1;
using Grpc.Net.Client;

namespace Cscm.Csi.Tests.Driver;

/// <summary>Clients of every CSI service over one connection to a Unix socket. Thread-safe.</summary>
public sealed class CsiClient : IDisposable
{
    private readonly GrpcChannel _channel;

    private CsiClient(GrpcChannel channel)
    {
        _channel = channel;
        Identity = new(channel);
        Controller = new(channel);
        Group = new(channel);
        Metadata = new(channel);
        Node = new(channel);
    }

    public Identity.IdentityClient Identity { get; }
    public global::Csi.V1.Controller.ControllerClient Controller { get; }
    public GroupController.GroupControllerClient Group { get; }
    public SnapshotMetadata.SnapshotMetadataClient Metadata { get; }
    public global::Csi.V1.Node.NodeClient Node { get; }

    public static CsiClient Connect(string socketPath)
    {
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
        return new CsiClient(GrpcChannel.ForAddress("http://localhost", new GrpcChannelOptions { HttpHandler = handler, DisposeHttpClient = true }));
    }

    public void Dispose() => _channel.Dispose();
}
