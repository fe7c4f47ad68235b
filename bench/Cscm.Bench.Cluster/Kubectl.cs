using System.Diagnostics;

namespace Cscm.Bench.Cluster;

/// <summary>Runs kubectl for what is not timed: argument lists, never a shell.</summary>
internal static class Kubectl
{
    /// <exception cref="InvalidOperationException">kubectl failed; what it said.</exception>
    public static async Task<string> RunAsync(IReadOnlyList<string> arguments, string? input = null)
    {
        var start = new ProcessStartInfo("kubectl") { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        foreach (string argument in arguments)
            start.ArgumentList.Add(argument);
        using Process process = Process.Start(start) ?? throw new InvalidOperationException("kubectl cannot be started: put it on PATH");
        Task<string> output = process.StandardOutput.ReadToEndAsync(), errors = process.StandardError.ReadToEndAsync();
        await process.StandardInput.WriteAsync(input ?? "");
        process.StandardInput.Close();
        await process.WaitForExitAsync();
        return process.ExitCode == 0 ? await output : throw new InvalidOperationException($"kubectl {string.Join(' ', arguments)}: {(await errors).Trim()}");
    }
}
