using System.Buffers;
using System.Text;

namespace Cscm.Grpc.Protocol;

/// <summary>The encoding of grpc-message: UTF-8, every byte outside printable ASCII, and '%', as %XX.</summary>
internal static class PercentEncoding
{
    private static readonly SearchValues<char> s_unescaped = SearchValues.Create(
        " !\"#$&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~");

    public static string Encode(string text)
    {
        var plain = text.AsSpan().IndexOfAnyExcept(s_unescaped);
        if (plain < 0)
            return text;

        var bytes = Encoding.UTF8.GetBytes(text);
        var encoded = new StringBuilder(bytes.Length * 2);
        foreach (var value in bytes)
        {
            if (s_unescaped.Contains((char)value))
                encoded.Append((char)value);
            else
                encoded.Append('%').Append(Digit(value >> 4)).Append(Digit(value & 0xF));
        }
        return encoded.ToString();
    }

    /// <summary>Lenient, as the protocol asks: what is no valid escape stays as it is.</summary>
    public static string Decode(string text)
    {
        if (!text.Contains('%', StringComparison.Ordinal))
            return text;

        var bytes = new ArrayBufferWriter<byte>(text.Length);
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] == '%' && i + 2 < text.Length && char.IsAsciiHexDigit(text[i + 1]) && char.IsAsciiHexDigit(text[i + 2]))
            {
                bytes.GetSpan(1)[0] = (byte)(Value(text[i + 1]) << 4 | Value(text[i + 2]));
                bytes.Advance(1);
                i += 2;
            }
            else
            {
                Encoding.UTF8.GetBytes(text.AsSpan(i, 1), bytes);
            }
        }
        return Encoding.UTF8.GetString(bytes.WrittenSpan);
    }

    private static char Digit(int value) => (char)(value < 10 ? '0' + value : 'A' + value - 10);

    private static int Value(char digit) => char.IsAsciiDigit(digit) ? digit - '0' : (digit | 0x20) - 'a' + 10;
}
