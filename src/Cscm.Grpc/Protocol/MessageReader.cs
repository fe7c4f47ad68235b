using System.Buffers;
using System.IO.Pipelines;
using Google.Protobuf;
using Grpc.Core;

namespace Cscm.Grpc.Protocol;

/// <summary>Takes messages of one call out of its byte stream, parsing them in place. One reader at a time.</summary>
internal sealed class MessageReader(PipeReader reader, string path, int maxMessageSizeBytes) : DeserializationContext
{
    private ReadOnlySequence<byte> _payload;

    /// <summary>The peer's grpc-encoding; null or "identity" when it compresses nothing.</summary>
    public string? Encoding { get; set; }

    public override int PayloadLength => (int)_payload.Length;

    public override byte[] PayloadAsNewBuffer() => _payload.ToArray();

    public override ReadOnlySequence<byte> PayloadAsReadOnlySequence() => _payload;

    /// <summary>The only message of a stream; anything else is an error.</summary>
    public async ValueTask<T> ReadSingleAsync<T>(Marshaller<T> marshaller, CancellationToken cancellationToken)
        where T : class
    {
        var message = await ReadAsync(marshaller, cancellationToken) ?? throw ProtocolErrors.Incomplete();
        await ExpectEndAsync(cancellationToken);
        return message;
    }

    /// <summary>The next message, or null at the end of the stream.</summary>
    public async ValueTask<T?> ReadAsync<T>(Marshaller<T> marshaller, CancellationToken cancellationToken)
        where T : class
    {
        while (true)
        {
            var result = await reader.ReadAsync(cancellationToken);
            var buffer = result.Buffer;
            if (MessageFrame.TryReadHeader(buffer, out var flag, out var lengthBytes))
            {
                // Refused by its header, before its bytes are waited for.
                if (flag > 1)
                    throw ProtocolErrors.BadCompressedFlag(flag);
                if (lengthBytes > maxMessageSizeBytes)
                    throw ProtocolErrors.ReceivedTooLarge(lengthBytes, maxMessageSizeBytes);
                if (flag == 1)
                    ThrowIfEncodingUnknown();

                var end = MessageFrame.HeaderSizeBytes + (long)lengthBytes;
                if (buffer.Length >= end)
                {
                    var payload = buffer.Slice(MessageFrame.HeaderSizeBytes, lengthBytes);
                    var message = Parse(marshaller, flag == 1 ? Gzip.Decompress(payload, maxMessageSizeBytes) : payload);
                    reader.AdvanceTo(buffer.GetPosition(end));
                    return message;
                }
            }

            if (result.IsCompleted)
                return buffer.IsEmpty ? null : throw ProtocolErrors.Incomplete();
            reader.AdvanceTo(buffer.Start, buffer.End);
        }
    }

    public async ValueTask ExpectEndAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            var result = await reader.ReadAsync(cancellationToken);
            if (!result.Buffer.IsEmpty)
                throw ProtocolErrors.Additional();
            if (result.IsCompleted)
                return;
            reader.AdvanceTo(result.Buffer.Start);
        }
    }

    private void ThrowIfEncodingUnknown()
    {
        if (Encoding is null or GrpcHeaders.Identity)
            throw ProtocolErrors.CompressedWithoutEncoding();
        if (!string.Equals(Encoding, GrpcHeaders.Gzip, StringComparison.Ordinal))
            throw ProtocolErrors.UnsupportedEncoding(Encoding);
    }

    private T Parse<T>(Marshaller<T> marshaller, in ReadOnlySequence<byte> payload)
    {
        _payload = payload;
        try
        {
            return marshaller.ContextualDeserializer(this);
        }
        catch (InvalidProtocolBufferException)
        {
            throw ProtocolErrors.BadMessage(path);
        }
        finally
        {
            _payload = default;
        }
    }
}
