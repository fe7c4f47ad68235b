using System.Buffers;
using System.Text;
using Csi.V1;
using Cscm.Storage;
using Grpc.Core;

namespace Cscm.Csi.Validation;

/// <summary>
/// The specification's size and content limits ("Size Limits", "CreateVolumeRequest.name"). Every check throws INVALID_ARGUMENT with
/// the field's name, before anything is touched.
/// </summary>
public static class Require
{
    private const int StringBytes = 128;
    private const int MapBytes = 4096;
    private const int PathBytes = 4096;

    private static readonly SearchValues<char> s_controlCharacters = SearchValues.Create(
        [.. Enumerable.Range(0, 0x20).Where(c => c is not (0x09 or 0x0A or 0x0D)).Select(c => (char)c), .. Enumerable.Range(0x7F, 0x21).Select(c => (char)c)]);

    /// <summary>An identifier or name: not empty, at most 128 bytes, no control characters but white space.</summary>
    public static string Text(string value, string field)
    {
        if (value.Length == 0)
            throw Invalid($"{field} is empty: it must be set");
        return OptionalText(value, field);
    }

    /// <summary>As <see cref="Text"/>, but may be empty.</summary>
    public static string OptionalText(string value, string field)
    {
        if (value.Length > StringBytes || Encoding.UTF8.GetByteCount(value) > StringBytes)
            throw Invalid($"{field} is longer than {StringBytes} bytes: shorten it");
        if (value.AsSpan().ContainsAny(s_controlCharacters))
            throw Invalid($"{field} holds a control character: use printable text");
        return value;
    }

    /// <summary>An absolute path without <c>.</c>, <c>..</c>, NUL or line breaks, at most 4096 bytes.</summary>
    public static string Path(string value, string field)
    {
        if (value.Length == 0)
            throw Invalid($"{field} is empty: it must be set");
        if (Encoding.UTF8.GetByteCount(value) >= PathBytes)
            throw Invalid($"{field} is longer than {PathBytes - 1} bytes: shorten it");
        if (value[0] != '/')
            throw Invalid($"{field} is not absolute: it must begin with /");
        if (value.AsSpan().ContainsAny(s_controlCharacters) || value.AsSpan().ContainsAny('\n', '\r'))
            throw Invalid($"{field} holds a control character or a line break: choose another path");
        string[] components = value.Trim('/').Split('/');
        if (components.Any(component => component is "" or "." or ".."))
            throw Invalid($"{field} has an empty, '.' or '..' component: name the path in full");
        return value.TrimEnd('/');
    }

    /// <summary>
    /// As <see cref="Path"/>, for the calls that look for a volume at a path: at a relative one there is none, which the specification
    /// answers with NOT_FOUND.
    /// </summary>
    public static string OccupiedPath(string value, string field)
        => value.Length == 0 || value[0] == '/'
            ? Path(value, field)
            : throw new RpcException(new Status(StatusCode.NotFound, $"{field} is not absolute, so no volume is there: it must begin with /"));

    /// <summary>As <see cref="Path"/>, but may be empty: then null.</summary>
    public static string? OptionalPath(string value, string field) => value.Length == 0 ? null : Path(value, field);

    /// <summary>A map whose keys and values together stay below 4 KiB.</summary>
    public static IDictionary<string, string> Map(IDictionary<string, string> map, string field)
    {
        int sizeBytes = 0;
        foreach ((string key, string value) in map)
            sizeBytes += Encoding.UTF8.GetByteCount(key) + Encoding.UTF8.GetByteCount(value);
        if (sizeBytes > MapBytes)
            throw Invalid($"{field} is larger than {MapBytes} bytes: shorten it");
        return map;
    }

    /// <summary>A capacity range that is given: not negative, at least one bound set, bounds in order.</summary>
    public static SizeRange Range(CapacityRange range, string field)
    {
        if (range.RequiredBytes < 0 || range.LimitBytes < 0)
            throw Invalid($"{field} has a negative bound: sizes are bytes, zero or more");
        if (range is { RequiredBytes: 0, LimitBytes: 0 })
            throw Invalid($"{field} has neither required_bytes nor limit_bytes: set at least one");
        if (range.LimitBytes > 0 && range.LimitBytes < range.RequiredBytes)
            throw new RpcException(new Status(
                StatusCode.OutOfRange, $"{field}: limit_bytes {range.LimitBytes} is below required_bytes {range.RequiredBytes}: no size fits both"));
        return new SizeRange(range.RequiredBytes, range.LimitBytes);
    }

    public static int MaximumEntries(int value)
        => value >= 0 ? value : throw Invalid($"max_entries is {value}: use zero for no limit, or a positive number");

    public static RpcException Invalid(string message) => new(new Status(StatusCode.InvalidArgument, message));
}
