using System.Buffers;
using System.IO.Compression;

namespace Cscm.Grpc.Protocol;

/// <summary>The one message compression that every gRPC implementation has.</summary>
internal static class Gzip
{
    /// <summary>Stops at the limit, however much the bytes would expand to.</summary>
    public static ReadOnlySequence<byte> Decompress(in ReadOnlySequence<byte> payload, int maxSizeBytes)
    {
        var output = new ArrayBufferWriter<byte>();
        try
        {
            using var gzip = new GZipStream(new MemoryStream(payload.ToArray(), writable: false), CompressionMode.Decompress);
            while (true)
            {
                var read = gzip.Read(output.GetSpan(sizeHint: 4096));
                if (read == 0)
                    break;
                output.Advance(read);
                if (output.WrittenCount > maxSizeBytes)
                    throw ProtocolErrors.DecompressedTooLarge(maxSizeBytes);
            }
        }
        catch (InvalidDataException)
        {
            throw ProtocolErrors.BadGzip();
        }
        return new ReadOnlySequence<byte>(output.WrittenMemory);
    }

    public static ReadOnlyMemory<byte> Compress(ReadOnlySpan<byte> message, CompressionLevel level)
    {
        using var output = new MemoryStream();
        using (var gzip = new GZipStream(output, level, leaveOpen: true))
            gzip.Write(message);
        return output.GetBuffer().AsMemory(0, (int)output.Length);
    }
}
