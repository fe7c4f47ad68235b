using System.Diagnostics;

namespace Cscm.Storage.Conformance;

/// <summary>Programs that scenarios need: containers, tools of an administrator.</summary>
internal static class Tool
{
    /// <summary>Runs a program to its end, which must be a good one.</summary>
    /// <returns>Standard output; what it only warns of is not in it.</returns>
    public static async Task<string> MustRunAsync(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync(), errors = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        Require.That(process.ExitCode == 0, $"{program} {string.Join(' ', arguments)} ended with {process.ExitCode}: {await output}{await errors}");
        return await output;
    }
}
