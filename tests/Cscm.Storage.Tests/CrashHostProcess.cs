using System.Diagnostics;

namespace Cscm.Storage.Tests;

/// <summary>What a run of the helper program said and how it ended.</summary>
internal sealed record CrashRun(int ExitCode, string Output)
{
    private const int Killed = 128 + 9;

    public bool WasKilled => ExitCode == Killed;

    /// <summary>The reported sections whose names begin so, by the rest of their names.</summary>
    public IReadOnlyDictionary<string, string> Sections(string name) => Output.Split("== ")
        .Where(section => section.StartsWith(name + "-", StringComparison.Ordinal))
        .Select(section => section[(name.Length + 1)..].Split([' ', '\n'], 2))
        .ToDictionary(parts => parts[0], parts => parts[1].Trim(), StringComparer.Ordinal);

    public string Section(string name) => Output.Split("== ").Single(section => section.StartsWith(name + " ", StringComparison.Ordinal))[(name.Length + 1)..].Trim();
}

/// <summary>Starts the helper program that is there to be killed.</summary>
internal static class CrashHostProcess
{
    private static readonly string s_program = Path.Combine(AppContext.BaseDirectory, "Cscm.Storage.CrashHost.dll");

    public static async Task<CrashRun> RunAsync(params string[] arguments)
    {
        using Process process = Start(arguments);
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return new CrashRun(process.ExitCode, output + await errors);
    }

    public static Process Start(params string[] arguments)
    {
        var start = new ProcessStartInfo(Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet")
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.ArgumentList.Add(s_program);
        foreach (string argument in arguments)
            start.ArgumentList.Add(argument);
        // Short-lived: no time to spend on optimising.
        start.Environment["DOTNET_TieredPGO"] = "0";
        start.Environment["DOTNET_gcServer"] = "0";
        return Process.Start(start) ?? throw new InvalidOperationException("the helper program could not be started");
    }
}
