using System.Text.Json.Nodes;

namespace Cscm.Kubernetes.Emulator;

/// <summary>Label and field selectors of equalities (<c>a=b,c=d</c>); of fields, metadata.name only.</summary>
internal sealed class Selector
{
    private readonly KeyValuePair<string, string>[] _labels;
    private readonly string? _name;

    public Selector(string? labels, string? fields)
    {
        _labels = [.. Parse(labels)];
        foreach ((string key, string value) in Parse(fields))
            _name = key == "metadata.name" ? value : throw new ApiException(400, "BadRequest", $"field label not supported: {key}");
    }

    /// <summary>One of the labels that are asked for, as key=value; null if none is.</summary>
    public string? FirstLabel => _labels.Length == 0 ? null : $"{_labels[0].Key}={_labels[0].Value}";

    public bool Meets(JsonObject item)
    {
        JsonNode metadata = item["metadata"]!;
        if (_name is not null && (string?)metadata["name"] != _name)
            return false;
        return _labels.All(label => (string?)metadata["labels"]?[label.Key] == label.Value);
    }

    private static IEnumerable<KeyValuePair<string, string>> Parse(string? text)
    {
        foreach (string part in (text ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries))
        {
            int equals = part.IndexOf('=', StringComparison.Ordinal);
            if (equals <= 0)
                throw new ApiException(400, "BadRequest", $"unable to parse requirement: {part}");
            yield return new(part[..equals], part[(equals + 1)..].TrimStart('='));
        }
    }
}

/// <summary>A refusal, as the API words it.</summary>
public sealed class ApiException(int code, string reason, string message, int? retryAfterSeconds = null) : Exception(message)
{
    public int Code { get; } = code;
    public string Reason { get; } = reason;
    public int? RetryAfterSeconds { get; } = retryAfterSeconds;

    public JsonObject ToStatus() => new()
    {
        ["kind"] = "Status",
        ["apiVersion"] = "v1",
        ["metadata"] = new JsonObject(),
        ["status"] = "Failure",
        ["message"] = Message,
        ["reason"] = Reason,
        ["code"] = Code,
    };
}
