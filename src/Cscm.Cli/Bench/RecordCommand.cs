using System.Buffers.Binary;
using System.CommandLine;
using System.Numerics;
using System.Text;

namespace Cscm.Cli.Bench;

/// <summary><c>cscm bench record</c>: one text, stored through mapped memory with its length and checksum, and read back.</summary>
internal static class RecordCommand
{
    private const int LengthOffsetBytes = 0;
    private const int ChecksumOffsetBytes = 8;
    private const int TextOffsetBytes = 16;
    private const int RecordBytes = 4096;

    public static Command Create()
    {
        var path = new Option<string>("--path") { Description = "The record's file", Required = true };
        var write = new Option<string?>("--write") { Description = "The text to store; without it, the stored text is printed" };
        var command = new Command("record", "Store a text through mapped memory, or read it back") { path, write };
        command.SetAction(parsed => BenchCommand.Run("record", () =>
        {
            string file = parsed.GetRequiredValue(path);
            if (parsed.GetValue(write) is { } text)
                Write(file, text);
            else
                Console.WriteLine(Read(file));
        }));
        return command;
    }

    private static unsafe void Write(string file, string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        if (bytes.Length > RecordBytes - TextOffsetBytes)
            throw new WorkloadException($"the text has {bytes.Length} bytes: a record holds {RecordBytes - TextOffsetBytes}");
        using (var handle = File.OpenHandle(file, FileMode.Create, FileAccess.ReadWrite, FileShare.None, FileOptions.None, RecordBytes))
            RandomAccess.SetLength(handle, RecordBytes);
        using MappedRegion memory = MappedRegion.OnFile(file);
        var record = new Span<byte>(memory.Pointer, RecordBytes);
        bytes.CopyTo(record[TextOffsetBytes..]);
        BinaryPrimitives.WriteUInt32LittleEndian(record[ChecksumOffsetBytes..], Checksum(bytes));
        BinaryPrimitives.WriteInt64LittleEndian(record[LengthOffsetBytes..], bytes.Length);
        memory.Flush(0, RecordBytes);
    }

    private static unsafe string Read(string file)
    {
        using MappedRegion memory = MappedRegion.OnFile(file);
        var record = new ReadOnlySpan<byte>(memory.Pointer, (int)Math.Min(memory.SizeBytes, RecordBytes));
        long lengthBytes = record.Length == RecordBytes ? BinaryPrimitives.ReadInt64LittleEndian(record[LengthOffsetBytes..]) : -1;
        if (lengthBytes is < 0 or > RecordBytes - TextOffsetBytes)
            throw new WorkloadException($"{file} is no record: it was cut short, or something else wrote it");
        ReadOnlySpan<byte> text = record.Slice(TextOffsetBytes, (int)lengthBytes);
        return Checksum(text) == BinaryPrimitives.ReadUInt32LittleEndian(record[ChecksumOffsetBytes..])
            ? Encoding.UTF8.GetString(text)
            : throw new WorkloadException($"{file} is damaged: its text does not have its checksum");
    }

    /// <summary>CRC-32C, with the complements of its common definition, so that a text of zeros has a checksum other than zero.</summary>
    private static uint Checksum(ReadOnlySpan<byte> text)
    {
        uint crc = uint.MaxValue;
        foreach (byte value in text)
            crc = BitOperations.Crc32C(crc, value);
        return ~crc;
    }
}
