using System.Diagnostics;

namespace Cscm.Demo.Machine;

/// <summary>Runs the system's tools: argument lists only, output captured, locale fixed.</summary>
internal static class Tool
{
    /// <summary>Ordinary users do not have these in their PATH.</summary>
    private const string SystemDirectories = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

    public static bool Exists(string name) => SystemDirectories.Split(':').Any(directory => File.Exists(Path.Combine(directory, name)));

    public static ProcessStartInfo Prepare(string file, IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo(file) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        foreach (string argument in arguments)
            start.ArgumentList.Add(argument);
        start.Environment["PATH"] = SystemDirectories;
        start.Environment["LC_ALL"] = "C";
        return start;
    }

    /// <returns>Its standard output.</returns>
    /// <exception cref="DemoException">It is missing or failed; holds what it said.</exception>
    public static async Task<string> RunAsync(string file, params string[] arguments)
    {
        ToolResult result = await TryRunAsync(file, arguments);
        return result.ExitCode == 0
            ? result.Output
            : throw new DemoException($"{file} {string.Join(' ', arguments)} failed: {result.Complaint}");
    }

    public static async Task<ToolResult> TryRunAsync(string file, params string[] arguments)
    {
        if (!Exists(file))
            return new ToolResult(127, "", $"{file} is not installed");
        using Process process = Process.Start(Prepare(file, arguments))!;
        process.StandardInput.Close();
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> errors = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return new ToolResult(process.ExitCode, await output, await errors);
    }
}

internal sealed record ToolResult(int ExitCode, string Output, string Errors)
{
    /// <summary>The last thing it said; the first things are often progress.</summary>
    public string Complaint => Errors.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries) is { Length: > 0 } lines
        ? lines[^1]
        : $"exit status {ExitCode}, without a word";
}
