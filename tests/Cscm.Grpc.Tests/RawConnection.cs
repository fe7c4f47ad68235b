using System.Buffers.Binary;
using System.Net.Sockets;
using System.Text;

namespace Cscm.Grpc.Tests;

/// <summary>HTTP/2 by hand (RFC 9113), to send what no client would: cut messages, single bytes, resets, silence.</summary>
internal sealed class RawConnection : IDisposable
{
    public const byte Data = 0;
    public const byte Headers = 1;
    public const byte Reset = 3;
    public const byte Settings = 4;
    public const byte GoAway = 7;
    public const byte WindowUpdate = 8;

    public const byte EndStream = 0x1;
    private const byte Ack = 0x1;
    private const byte EndHeaders = 0x4;
    private const int FrameHeaderSizeBytes = 9;

    private readonly Socket _socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);

    private RawConnection()
    {
    }

    public static async Task<RawConnection> ConnectAsync(string socketPath, bool greet = true)
    {
        var connection = new RawConnection();
        await connection._socket.ConnectAsync(new UnixDomainSocketEndPoint(socketPath));
        if (greet)
        {
            await connection.SendBytesAsync(Encoding.ASCII.GetBytes("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
            // SETTINGS_HEADER_TABLE_SIZE = 0: then every header comes as a literal or from the static table.
            await connection.SendFrameAsync(Settings, 0, 0, [0, 1, 0, 0, 0, 0]);
        }
        return connection;
    }

    public async Task SendBytesAsync(byte[] bytes)
    {
        for (var sent = 0; sent < bytes.Length;)
            sent += await _socket.SendAsync(bytes.AsMemory(sent));
    }

    public Task SendFrameAsync(byte type, byte flags, int stream, byte[] payload)
    {
        var frame = new byte[FrameHeaderSizeBytes + payload.Length];
        frame[0] = (byte)(payload.Length >> 16);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(1), (ushort)payload.Length);
        frame[3] = type;
        frame[4] = flags;
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(5), stream);
        payload.CopyTo(frame, FrameHeaderSizeBytes);
        return SendBytesAsync(frame);
    }

    /// <summary>Opens a stream with a gRPC request's headers.</summary>
    public Task SendRequestHeadersAsync(int stream, string path, string authority = "localhost", params (string Name, string Value)[] more)
    {
        var block = new List<byte>();
        AddLiteral(block, ":method", "POST");
        AddLiteral(block, ":scheme", "http");
        AddLiteral(block, ":path", path);
        AddLiteral(block, ":authority", authority);
        AddLiteral(block, "content-type", "application/grpc");
        AddLiteral(block, "te", "trailers");
        foreach (var (name, value) in more)
            AddLiteral(block, name, value);
        return SendFrameAsync(Headers, EndHeaders, stream, [.. block]);
    }

    public Task ResetAsync(int stream, int errorCode)
    {
        var payload = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(payload, errorCode);
        return SendFrameAsync(Reset, 0, stream, payload);
    }

    /// <summary>The next frame that is not about the connection itself; null when the peer has closed.</summary>
    public async Task<RawFrame?> ReceiveAsync(TimeSpan? timeout = null)
    {
        using var cancellation = new CancellationTokenSource(timeout ?? TimeSpan.FromSeconds(20));
        while (true)
        {
            var header = await ReceiveBytesAsync(FrameHeaderSizeBytes, cancellation.Token);
            if (header is null)
                return null;
            var length = header[0] << 16 | header[1] << 8 | header[2];
            var payload = await ReceiveBytesAsync(length, cancellation.Token);
            if (payload is null)
                return null;
            var frame = new RawFrame(header[3], header[4], BinaryPrimitives.ReadInt32BigEndian(header.AsSpan(5)), payload);
            switch (frame.Type)
            {
                case Settings when (frame.Flags & Ack) == 0:
                    await SendFrameAsync(Settings, Ack, 0, []);
                    break;
                case Settings or WindowUpdate:
                    break;
                default:
                    return frame;
            }
        }
    }

    /// <summary>Everything of a stream up to its end or reset.</summary>
    public async Task<RawStream> ReceiveStreamAsync(int stream)
    {
        var text = new StringBuilder();
        var data = new List<byte>();
        while (true)
        {
            var frame = await ReceiveAsync() ?? throw new IOException("The server closed the connection.");
            if (frame.Type == GoAway)
                throw new IOException("The server gave the connection up.");
            if (frame.Stream != stream)
                continue;
            if (frame.Type == Headers)
                text.Append(Encoding.ASCII.GetString(frame.Payload)).Append('\n');
            if (frame.Type == Data)
                data.AddRange(frame.Payload);
            if (frame.Type == Reset)
                return new RawStream(text.ToString(), [.. data], BinaryPrimitives.ReadInt32BigEndian(frame.Payload));
            if ((frame.Flags & EndStream) != 0)
                return new RawStream(text.ToString(), [.. data], null);
        }
    }

    public void Dispose() => _socket.Dispose();

    // A literal header field without indexing, new name, no Huffman coding (RFC 7541, 6.2.2).
    private static void AddLiteral(List<byte> block, string name, string value)
    {
        block.Add(0);
        AddString(block, name);
        AddString(block, value);
    }

    private static void AddString(List<byte> block, string text)
    {
        if (text.Length > 126)
            throw new ArgumentException("A length above 126 would need more than one byte.", nameof(text));
        block.Add((byte)text.Length);
        block.AddRange(Encoding.ASCII.GetBytes(text));
    }

    private async Task<byte[]?> ReceiveBytesAsync(int count, CancellationToken cancellationToken)
    {
        var bytes = new byte[count];
        for (var received = 0; received < count;)
        {
            int read;
            try
            {
                read = await _socket.ReceiveAsync(bytes.AsMemory(received), cancellationToken);
            }
            catch (SocketException)
            {
                return null;
            }
            if (read == 0)
                return null;
            received += read;
        }
        return bytes;
    }
}

internal sealed record RawFrame(byte Type, byte Flags, int Stream, byte[] Payload);

/// <summary>A stream as received. Its header blocks are as they came: without Huffman coding, literals can be searched in them.</summary>
internal sealed record RawStream(string HeaderText, byte[] Data, int? ErrorCode)
{
    public global::Grpc.Core.StatusCode? Code
    {
        get
        {
            const string name = "grpc-status";
            var at = HeaderText.IndexOf(name, StringComparison.Ordinal);
            if (at < 0)
                return null;
            // After the name: one byte of length, then the digits.
            var length = HeaderText[at + name.Length];
            return (global::Grpc.Core.StatusCode)int.Parse(
                HeaderText.AsSpan(at + name.Length + 1, length), System.Globalization.CultureInfo.InvariantCulture);
        }
    }
}
