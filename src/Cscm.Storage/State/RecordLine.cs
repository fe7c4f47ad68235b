using System.Buffers.Text;
using System.Numerics;
using System.Text;

namespace Cscm.Storage.State;

/// <summary>What a run of bytes at the end of a record file turned out to be.</summary>
internal enum LineKind
{
    Valid,

    /// <summary>The rest of the file is an append that never finished, and so was never acknowledged.</summary>
    Torn,

    /// <summary>Complete, but not what was written.</summary>
    Corrupt,
}

/// <summary>
/// One line of a record file: <c>VERSION CRC32C LENGTH JSON\n</c>, the checksum as eight hexadecimal digits over the JSON, the length
/// in bytes. An append that a crash cut short lacks bytes at its end or holds zeros where the medium was not reached; anything
/// else that does not check out was damaged later.
/// </summary>
internal static class RecordLine
{
    public const int Version = 1;
    private const int HeadBytes = 2 + 9;

    public static byte[] Encode(ReadOnlySpan<byte> json)
    {
        byte[] head = Encoding.ASCII.GetBytes($"{Version} {Crc32C(json):x8} {json.Length} ");
        byte[] line = new byte[head.Length + json.Length + 1];
        head.CopyTo(line, 0);
        json.CopyTo(line.AsSpan(head.Length));
        line[^1] = (byte)'\n';
        return line;
    }

    /// <summary>Reads the line at the start of <paramref name="rest"/>.</summary>
    /// <param name="rest">The bytes from the line's start to the end of the file.</param>
    /// <param name="json">The content, if valid.</param>
    /// <param name="consumedBytes">The line's length, if valid.</param>
    public static LineKind Decode(ReadOnlySpan<byte> rest, out ReadOnlySpan<byte> json, out int consumedBytes)
    {
        json = default;
        consumedBytes = 0;
        LineKind broken = rest.Contains((byte)'\n') && !rest.Contains((byte)0) ? LineKind.Corrupt : LineKind.Torn;
        if (rest.Length <= HeadBytes
            || rest[0] != '0' + Version || rest[1] != ' ' || rest[10] != ' '
            || !Utf8Parser.TryParse(rest.Slice(2, 8), out uint crc, out int crcDigits, 'x') || crcDigits != 8
            || !Utf8Parser.TryParse(rest[HeadBytes..], out int length, out int lengthDigits) || length < 0)
        {
            return broken;
        }
        int start = HeadBytes + lengthDigits + 1;
        if (length > rest.Length - start - 1)
            return broken;
        ReadOnlySpan<byte> content = rest.Slice(start, length);
        bool isIntact = rest[start - 1] == ' ' && Crc32C(content) == crc;
        if (!isIntact || rest[start + length] != '\n')
            // All bytes of an intact line but the newline: damaged in that byte, not torn.
            return isIntact ? LineKind.Corrupt : broken;
        json = content;
        consumedBytes = start + length + 1;
        return LineKind.Valid;
    }

    private static uint Crc32C(ReadOnlySpan<byte> bytes)
    {
        uint crc = uint.MaxValue;
        foreach (byte value in bytes)
            crc = BitOperations.Crc32C(crc, value);
        return ~crc;
    }
}
