using System.Diagnostics;

namespace Cscm.E2E.Tests;

/// <summary>Runs kubectl and helm: argument lists, never a shell.</summary>
internal static class Command
{
    public static string? Find(string name) => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':', StringSplitOptions.RemoveEmptyEntries)
        .Select(directory => Path.Combine(directory, name)).FirstOrDefault(File.Exists);

    public static (int ExitCode, string Output, string Errors) TryRun(string program, IEnumerable<string> arguments, string? input = null)
    {
        var start = new ProcessStartInfo(program) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        foreach (string argument in arguments)
            start.ArgumentList.Add(argument);
        using Process process = Process.Start(start)!;
        Task<string> errors = process.StandardError.ReadToEndAsync(), output = process.StandardOutput.ReadToEndAsync();
        process.StandardInput.Write(input ?? "");
        process.StandardInput.Close();
        process.WaitForExit();
        return (process.ExitCode, output.Result.Trim(), errors.Result.Trim());
    }

    public static string Run(string program, IEnumerable<string> arguments, string? input = null)
    {
        string[] all = [.. arguments];
        (int exitCode, string output, string errors) = TryRun(program, all, input);
        Assert.True(exitCode == 0, $"{program} {string.Join(' ', all)}: {errors}");
        return output;
    }
}
