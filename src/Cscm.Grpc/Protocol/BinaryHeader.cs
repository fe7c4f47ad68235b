using System.Buffers.Text;
using System.Text;

namespace Cscm.Grpc.Protocol;

/// <summary>Values of "-bin" headers: base64, read with or without padding, written without.</summary>
internal static class BinaryHeader
{
    public static string Encode(ReadOnlySpan<byte> value) => Convert.ToBase64String(value).TrimEnd('=');

    public static bool TryDecode(ReadOnlySpan<char> text, out byte[] value)
    {
        text = text.Trim().TrimEnd('=');
        value = [];
        if (text.Length % 4 == 1)
            return false;

        var padded = new byte[(text.Length + 3) / 4 * 4];
        padded.AsSpan().Fill((byte)'=');
        foreach (var character in text)
        {
            // White space, which the decoder below would skip, is no base64 in a header.
            if (!char.IsAsciiLetterOrDigit(character) && character is not ('+' or '/'))
                return false;
        }
        Encoding.ASCII.GetBytes(text, padded);

        var decoded = new byte[Base64.GetMaxDecodedFromUtf8Length(padded.Length)];
        if (Base64.DecodeFromUtf8(padded, decoded, out _, out var written) != System.Buffers.OperationStatus.Done)
            return false;
        value = decoded[..written];
        return true;
    }
}
