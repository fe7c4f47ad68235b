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

    public static Task<CrashRun> RunAsync(params string[] arguments) => RunToEndAsync(Start(arguments));

    /// <summary>Runs it as root of a user and mount namespace of its own, with no privilege outside.</summary>
    public static Task<CrashRun> RunInNamespaceAsync(params string[] arguments)
        => RunToEndAsync(Start(["unshare", "--user", "--map-root-user", "--mount"], arguments));

    public static Process Start(params string[] arguments) => Start([], arguments);

    private static async Task<CrashRun> RunToEndAsync(Process started)
    {
        using Process process = started;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return new CrashRun(process.ExitCode, output + await errors);
    }

    private static Process Start(string[] wrapper, string[] arguments)
    {
        string[] command = [.. wrapper, Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet", s_program, .. arguments];
        var start = new ProcessStartInfo(command[0])
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (string argument in command[1..])
            start.ArgumentList.Add(argument);
        // Short-lived: no time to spend on optimising.
        start.Environment["DOTNET_TieredPGO"] = "0";
        start.Environment["DOTNET_gcServer"] = "0";
        return Process.Start(start) ?? throw new InvalidOperationException("the helper program could not be started");
    }
}
