using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Cscm.Storage.Linux;
using Microsoft.Win32.SafeHandles;

namespace Cscm.Storage.State;

/// <summary>
/// The durable state of one object: a file of lines, each the object's whole state, the last one valid now. Writers are kept apart
/// by the in-flight guard of the object; readers of <see cref="Value"/> need none.
/// </summary>
internal sealed class RecordFile<T>
    where T : class
{
    /// <summary>After so many lines the file is replaced by its last one.</summary>
    private const int LinesBeforeCompaction = 64;

    private readonly JsonTypeInfo<T> _type;
    private volatile T _value;
    private long _lengthBytes;
    private int _lines;
    private string? _fault;

    private RecordFile(string path, JsonTypeInfo<T> type, T value, long lengthBytes, int lines)
        => (Path, _type, _value, _lengthBytes, _lines) = (path, type, value, lengthBytes, lines);

    public string Path { get; }

    public T Value => _value;

    /// <summary>Makes a new file; after a crash it is there whole or not at all.</summary>
    public static RecordFile<T> Create(string path, JsonTypeInfo<T> type, T value)
    {
        byte[] line = RecordLine.Encode(JsonSerializer.SerializeToUtf8Bytes(value, type));
        Files.ReplaceDurably(path, line);
        return new RecordFile<T>(path, type, value, line.Length, 1);
    }

    /// <summary>Reads a file; a torn last append is cut off.</summary>
    /// <exception cref="InvalidDataException">The file is damaged.</exception>
    public static RecordFile<T> Load(string path, JsonTypeInfo<T> type)
    {
        byte[] bytes = File.ReadAllBytes(path);
        T? value = null;
        int offset = 0, lines = 0;
        while (offset < bytes.Length)
        {
            LineKind kind = RecordLine.Decode(bytes.AsSpan(offset), out ReadOnlySpan<byte> json, out int consumedBytes);
            if (kind == LineKind.Torn && value is not null && !HoldsLaterLine(bytes.AsSpan(offset)))
                break;
            if (kind != LineKind.Valid)
                throw new InvalidDataException($"line {lines + 1} at byte {offset} is damaged");
            value = Parse(json, type, lines + 1);
            offset += consumedBytes;
            lines++;
        }
        // Files are made whole by a rename: one without a first line was damaged, not torn.
        if (value is null)
            throw new InvalidDataException("the file holds no record");
        if (offset < bytes.Length)
            Cut(path, offset);
        return new RecordFile<T>(path, type, value, offset, lines);
    }

    /// <summary>Records a new state. When it returns the state survives a crash of this process; if durable, of the machine too.</summary>
    /// <exception cref="StorageException">Internal: the write failed; the object accepts no further change until the driver restarts.</exception>
    public void Write(T value, bool isDurable)
    {
        if (_fault is not null)
            throw Fault(null);
        byte[] line = RecordLine.Encode(JsonSerializer.SerializeToUtf8Bytes(value, _type));
        try
        {
            if (_lines >= LinesBeforeCompaction)
            {
                Files.ReplaceDurably(Path, line);
                (_lengthBytes, _lines) = (line.Length, 1);
            }
            else
            {
                Append(line, isDurable);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            _fault = e.Message;
            throw Fault(e);
        }
        _value = value;
    }

    private void Append(byte[] line, bool isDurable)
    {
        Files.Write(Path, line, _lengthBytes, isDurable);
        _lengthBytes += line.Length;
        _lines++;
    }

    private StorageException Fault(Exception? cause) => new(
        StorageErrorKind.Internal,
        $"state file {Path} could not be written ({_fault}): free space or repair the file system it is on, then restart the driver", cause);

    private static T Parse(ReadOnlySpan<byte> json, JsonTypeInfo<T> type, int line)
    {
        try
        {
            return JsonSerializer.Deserialize(json, type) ?? throw new InvalidDataException($"line {line} is null");
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"line {line} is not of this version: {e.Message}", e);
        }
    }

    /// <summary>A torn append is the last thing in a file; a line after it proves damage.</summary>
    private static bool HoldsLaterLine(ReadOnlySpan<byte> rest)
    {
        int newline = rest.IndexOf((byte)'\n');
        return newline >= 0 && newline + 1 < rest.Length
            && RecordLine.Decode(rest[(newline + 1)..], out _, out _) == LineKind.Valid;
    }

    private static void Cut(string path, long lengthBytes)
    {
        using SafeFileHandle file = File.OpenHandle(path, FileMode.Open, FileAccess.Write);
        RandomAccess.SetLength(file, lengthBytes);
        RandomAccess.FlushToDisk(file);
    }
}
