using System.Buffers;
using System.IO.Compression;
using Grpc.Core;

namespace Cscm.Grpc.Protocol;

/// <summary>
/// Puts messages of one call into its byte stream. A marshaller that says its length first (generated ones do) writes
/// straight into the stream's buffers. One writer at a time.
/// </summary>
internal sealed class MessageWriter(IBufferWriter<byte> output, int? maxMessageSizeBytes) : SerializationContext
{
    private ArrayBufferWriter<byte>? _buffered;
    private int? _lengthBytes;
    private bool _written;

    /// <summary>Set to compress messages with gzip.</summary>
    public CompressionLevel? Compression { get; set; }

    private bool Compresses { get; set; }

    public void Write<T>(Marshaller<T> marshaller, T message, bool mayCompress = true)
    {
        _lengthBytes = null;
        _written = false;
        _buffered?.ResetWrittenCount();
        Compresses = mayCompress && Compression is not null;
        marshaller.ContextualSerializer(message, this);
        if (!_written)
            throw new InvalidOperationException("The marshaller did not complete the message.");
    }

    public override void SetPayloadLength(int payloadLength)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(payloadLength);
        ThrowIfTooLarge(payloadLength);
        _lengthBytes = payloadLength;
    }

    public override IBufferWriter<byte> GetBufferWriter()
    {
        if (_lengthBytes is not { } lengthBytes || Compresses)
            return _buffered ??= new ArrayBufferWriter<byte>();
        WriteHeader(compressed: false, lengthBytes);
        return output;
    }

    public override void Complete()
    {
        if (_lengthBytes is null || Compresses)
            WriteWhole(_buffered is null ? [] : _buffered.WrittenSpan);
        _written = true;
    }

    public override void Complete(byte[] payload)
    {
        ArgumentNullException.ThrowIfNull(payload);
        WriteWhole(payload);
        _written = true;
    }

    private void WriteWhole(ReadOnlySpan<byte> message)
    {
        ThrowIfTooLarge(message.Length);
        if (Compresses)
            message = Gzip.Compress(message, Compression!.Value).Span;
        WriteHeader(Compresses, message.Length);
        output.Write(message);
    }

    private void WriteHeader(bool compressed, int lengthBytes)
    {
        MessageFrame.WriteHeader(output.GetSpan(MessageFrame.HeaderSizeBytes), compressed, lengthBytes);
        output.Advance(MessageFrame.HeaderSizeBytes);
    }

    private void ThrowIfTooLarge(int sizeBytes)
    {
        if (sizeBytes > maxMessageSizeBytes)
            throw ProtocolErrors.SentTooLarge(sizeBytes, maxMessageSizeBytes.Value);
    }
}
