using System.CommandLine;

namespace Cscm.Csi.Hosting;

/// <summary>Flags that an environment variable may stand for, as manifests set them: <c>--node-name</c> is <c>CSCM_NODE_NAME</c>.</summary>
public static class EnvironmentOption
{
    public static Option<string> Text(string name, string description, string defaultValue)
        => new(name) { Description = $"{description} [{VariableOf(name)}]", DefaultValueFactory = _ => Find(name) ?? defaultValue };

    /// <param name="name">The flag.</param>
    /// <param name="description">Tells what one value is.</param>
    /// <returns>May be given several times; the variable holds them with <c>;</c> between.</returns>
    public static Option<string[]> List(string name, string description) => new(name)
    {
        Description = $"{description} [{VariableOf(name)}, separated by ;]",
        AllowMultipleArgumentsPerToken = false,
        DefaultValueFactory = _ => Find(name)?.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries) ?? [],
    };

    /// <summary>One of an enumeration's words, in any case.</summary>
    /// <exception cref="UsageException">It is none of them.</exception>
    public static T Parse<T>(string text, string name)
        where T : struct, Enum
        => Enum.TryParse(text, ignoreCase: true, out T value) && Enum.IsDefined(value)
            ? value
            : throw new UsageException($"{name} '{text}' is unknown: use {string.Join(", ", Enum.GetNames<T>()).ToLowerInvariant()}");

    /// <exception cref="UsageException">It is neither true nor false.</exception>
    public static bool ParseBoolean(string text, string name)
        => bool.TryParse(text, out bool value) ? value : throw new UsageException($"{name} '{text}' is neither true nor false");

    private static string VariableOf(string name) => "CSCM_" + name.TrimStart('-').Replace('-', '_').ToUpperInvariant();

    private static string? Find(string name) => Environment.GetEnvironmentVariable(VariableOf(name)) is { Length: > 0 } value ? value : null;
}
