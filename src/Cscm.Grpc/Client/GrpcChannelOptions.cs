using Cscm.Grpc.Protocol;

namespace Grpc.Net.Client;

public sealed class GrpcChannelOptions
{
    /// <summary>
    /// What connects. For a Unix socket, a <see cref="SocketsHttpHandler"/> whose ConnectCallback connects to it.
    /// Null for a handler of the channel's own.
    /// </summary>
    public HttpMessageHandler? HttpHandler { get; set; }

    /// <summary>Whether disposing the channel also disposes of <see cref="HttpHandler"/>.</summary>
    public bool DisposeHttpClient { get; set; }

    /// <summary>Bytes; null for no limit.</summary>
    public int? MaxReceiveMessageSize { get; set; } = GrpcHeaders.DefaultMaxReceiveMessageSizeBytes;

    /// <summary>Bytes; null for no limit.</summary>
    public int? MaxSendMessageSize { get; set; }
}
