using System.Buffers;
using System.Buffers.Binary;

namespace Cscm.Grpc.Protocol;

/// <summary>The five bytes before each message: compressed flag, then the length, big-endian.</summary>
internal static class MessageFrame
{
    public const int HeaderSizeBytes = 5;

    public static void WriteHeader(Span<byte> header, bool compressed, int lengthBytes)
    {
        header[0] = compressed ? (byte)1 : (byte)0;
        BinaryPrimitives.WriteUInt32BigEndian(header[1..], (uint)lengthBytes);
    }

    public static bool TryReadHeader(in ReadOnlySequence<byte> buffer, out byte flag, out uint lengthBytes)
    {
        flag = 0;
        lengthBytes = 0;
        if (buffer.Length < HeaderSizeBytes)
            return false;

        Span<byte> header = stackalloc byte[HeaderSizeBytes];
        buffer.Slice(0, HeaderSizeBytes).CopyTo(header);
        flag = header[0];
        lengthBytes = BinaryPrimitives.ReadUInt32BigEndian(header[1..]);
        return true;
    }
}
